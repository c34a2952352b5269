/** What can be done with a block of code in an answer: its language named, copy, insert as a cell, download. */

import type { Actions } from "./actions.ts";
import { copy, findAll, h, iconButton } from "./element.ts";

const ENDINGS: Record<string, string> = {
  bash: "sh",
  cpp: "cpp",
  css: "css",
  diff: "diff",
  html: "html",
  javascript: "js",
  json: "json",
  js: "js",
  markdown: "md",
  py: "py",
  python: "py",
  r: "R",
  sh: "sh",
  sql: "sql",
  ts: "ts",
  typescript: "ts",
  xml: "xml",
  yaml: "yaml",
};
const CELLS = new Set(["", "python", "py", "ipython", "ipython3", "python3"]);

/** Gives every finished block of code in `root`, or `root` if it is one, its bar. */
export function addCodeBars(root: Element, actions: Actions): void {
  for (const pre of findAll(root, "pre")) {
    const code = pre.querySelector(":scope > code");
    if (!code || pre.querySelector(".nbp-code-bar")) continue;
    pre.setAttribute("tabindex", "0");
    pre.prepend(codeBar(code, actions));
  }
}

function codeBar(code: Element, actions: Actions): HTMLElement {
  const language = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const text = () => (code.textContent ?? "").replace(/\n$/, "");
  const copying = iconButton("copy", "Copy code", () => {
    void copy(text(), copying).then(
      (done) => !done && actions.say("This page may not write to the clipboard."),
    );
  });
  const inserting = iconButton("insert", "Insert as a cell below", () => {
    if (actions.insertCell(text())) return;
    void copy(text(), inserting).then((done) =>
      actions.say(
        done
          ? "This page lets nobody insert cells, so the code was copied: paste it into a cell."
          : "This page lets nobody insert cells or write to the clipboard.",
      ),
    );
  });
  const saving = iconButton("save", "Download", () => download(text(), `code.${ENDINGS[language] ?? "txt"}`));
  return h(
    "div",
    { class: "nbp-code-bar" },
    h("span", { class: "nbp-code-language" }, language || "text"),
    CELLS.has(language.toLowerCase()) && inserting,
    saving,
    copying,
  );
}

function download(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
