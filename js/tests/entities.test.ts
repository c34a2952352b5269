import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { decodeHTMLStrict } from "../markdown/entities.ts";

const original = createRequire(import.meta.url)("entities") as typeof import("entities");

test("every reference in the fixtures, and each trap, reads as with the table it stands in for", () => {
  const fixtures = ["blocks", "inline"].map((name) =>
    readFileSync(`../tests/fixtures/markdown/${name}.md`, "utf8"),
  );
  const found = fixtures.flatMap((text) => text.match(/&#?\w+;/g) ?? []);
  const traps = [
    "&notit;",
    "&semi;",
    "&amp;",
    "&AMP;",
    "&lt;",
    "&nbsp;",
    "&Eacute;",
    "&NotEqualTilde;",
    "&x;",
    "&ampamp;",
  ];
  expect(found.length).toBeGreaterThan(4);
  for (const entity of [...found.filter((text) => !text.startsWith("&#")), ...traps]) {
    expect(decodeHTMLStrict(entity), entity).toBe(original.decodeHTMLStrict(entity));
  }
});
