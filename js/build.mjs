// Bundles the browser side into the Python package: `node build.mjs [--watch]`.

import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const options = {
  entryPoints: [
    { in: here("cell/index.ts"), out: "cell" },
    { in: here("cell/cell.css"), out: "cell" },
  ],
  outdir: here("../nbchat/jupyter/static"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  // The browser has HTML's entities built in: 22 KB less.
  alias: { entities: here("markdown/entities.ts") },
  legalComments: "linked",
  logLevel: "warning",
};

if (process.argv.includes("--watch")) await (await context(options)).watch();
else await build(options);
