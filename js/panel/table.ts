/** Tables that nbchat wrote for a model (nbchat/attachments/frames.py), read back cell by cell: nothing in one is Markdown. */

import { h } from "./element.ts";

export interface Table {
  /** Whose it is, its shape, and what of it is shown. */
  said: string;
  head: string[];
  rows: string[][];
}

const EDGES = /^\| .* \|$/;
/** The heads above the labels of rows, one for each level of an index. */
const LABELS = /^$| \(index\)$/;
const NUMBERS = /\((?:u?int|float|decimal|double|complex)[^()]*(?:\([^()]*\))?\)$/i;

/** Reads a text that is such a table, and nothing else; null for any other. */
export function readTable(text: string): Table | null {
  const [said = "", empty, ...lines] = text.replace(/^\n+|\n+$/g, "").split("\n");
  if (!said.endsWith(":") || empty !== "" || lines.length < 2) return null;
  if (!lines.every((line) => EDGES.test(line))) return null;
  const [head = [], rule = [], ...rows] = lines.map(cells);
  if (!rule.every((cell) => cell === "---")) return null;
  if ([rule, ...rows].some((row) => row.length !== head.length)) return null;
  return { said: said.slice(0, -1), head, rows };
}

/** A bar within a cell has a backslash before it, so that only those between cells stand alone. */
function cells(line: string): string[] {
  return line
    .slice(2, -2)
    .split(" | ")
    .map((cell) => cell.replaceAll("\\|", "|"));
}

export function tableView({ said, head, rows }: Table): HTMLElement {
  const columns = head.findIndex((name) => !LABELS.test(name));
  const labels = columns < 0 ? head.length : columns;
  const numbers = head.map((name) => NUMBERS.test(name));
  return h(
    "figure",
    { class: "nbp-table" },
    h("figcaption", {}, said),
    h(
      "div",
      // What is wider or higher scrolls, so the keyboard has to get there.
      { class: "nbp-table-scroll", tabindex: 0, role: "group", "aria-label": said },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...head.map((name, at) => heading(name, numbers[at] ?? false)))),
        h(
          "tbody",
          {},
          ...rows.map((row) =>
            h(
              "tr",
              {},
              ...row.map((cell, at) =>
                at < labels
                  ? h("th", { scope: "row" }, cell)
                  : h("td", { class: numbers[at] && "nbp-number" }, cell),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** A column's name, and below it the type that stands behind it in parentheses. */
function heading(name: string, number: boolean): HTMLElement {
  if (!name) return h("td");
  const at = name.lastIndexOf(" (");
  return h(
    "th",
    { scope: "col", class: number && "nbp-number" },
    h("span", {}, name.slice(0, at)),
    " ",
    h("span", { class: "nbp-kind" }, name.slice(at + 2, -1)),
  );
}
