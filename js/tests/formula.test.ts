/** What is a formula is the same here and in Python, which writes the saved answer: both read one list. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { renderSettled } from "../markdown/render.ts";

const FORMULAS = resolve(import.meta.dirname, "../../tests/fixtures/formulas.json");
const texts = JSON.parse(readFileSync(FORMULAS, "utf8")) as [string, string[]][];

function formulas(text: string): string[] {
  const found = [...renderSettled(text).querySelectorAll(".nbchat-math")];
  return found.map((formula) => formula.textContent ?? "");
}

test.each(texts)("formulas are kept as typed, prices and variables are text: %j", (text, expected) => {
  expect(formulas(text)).toEqual(expected);
});
