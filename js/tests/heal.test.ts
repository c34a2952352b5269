import { expect, test } from "vitest";
import { heal } from "../markdown/heal.ts";

test.each([
  ["**bo", "**bo**"],
  ["`co", "`co`"],
  ["[text](https://exa", "text"],
  ["as \\(x_1 + *y", "as \\(x_1 + *y\\)"],
  ["as \\[ x_1", "as \\[ x_1\\]"],
])("what is open is closed: %j", (tail, healed) => {
  expect(heal(tail)).toBe(healed);
});

test.each([
  ["text\n3", "text\n"],
  ["text\n- ", "text\n"],
  ["##", ""],
  ["| a | b |", ""],
  ["text\n| a | b |\n|--", "text\n"],
])("what does not show yet what it will be waits: %j", (tail, shown) => {
  expect(heal(tail)).toBe(shown);
});

test.each([
  "| a | b |\n|---|---|\n| 1",
  "text\n3 apples",
  "a < b and <tag",
  "20~25 and $5",
  "- > 25",
  "\\[a longer note",
  "\\(",
])("what is plain stays as it is: %j", (tail) => {
  expect(heal(tail)).toBe(tail);
});
