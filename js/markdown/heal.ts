/** Makes the growing tail look like what it is becoming: `**half a bold` is bold before its end has arrived. */

import remend from "remend";
import { formulaAt } from "./formula.ts";

/** Only what leads to the same nodes as the finished text: the rest of remend is for renderers unlike ours. */
const OPTIONS = {
  comparisonOperators: false,
  htmlTags: false,
  katex: false,
  linkMode: "text-only",
  singleTilde: false,
} as const;

/** A line that so far is only the mark of a block: it would show as text and then jump. */
const MARK = /^[ \t]*(?:\d{1,9}[.)]?|[-+*=]+|#{1,6}|>|[`~]{1,2}|\$)[ \t]*$/;

/** Stands for an escaped bracket meanwhile: remend takes it for the beginning of a link. No text has two of these. */
const BRACKET = "\ue000\ue001";

export function heal(tail: string): string {
  return remend(closed(withoutBeginnings(tail)).replaceAll("\\[", BRACKET), OPTIONS).replaceAll(
    BRACKET,
    "\\[",
  );
}

/** `\(half a formula` is one before its end has arrived: as Markdown it would lose its backslashes, and show other text. */
function closed(tail: string): string {
  const open = Math.max(tail.lastIndexOf("\\("), tail.lastIndexOf("\\["));
  if (open < 0) return tail;
  const end = tail.charAt(open + 1) === "(" ? "\\)" : "\\]";
  const half = tail.slice(open);
  return !half.includes(end) && formulaAt(half + end) ? tail + end : tail;
}

/** Leaves out the end that does not show yet what it will be: a bare mark, the header of a table. */
function withoutBeginnings(tail: string): string {
  const last = lineStart(tail, tail.length);
  const line = tail.slice(last);
  if (MARK.test(line)) return tail.slice(0, last);
  const second = lineStart(tail, last - 1);
  const inTable = tail.startsWith("|", second) && second < last;
  if (line.startsWith("|") && !inTable) return tail.slice(0, last);
  // The line of dashes that makes the line above a header.
  const third = lineStart(tail, second - 1);
  const afterHeader = inTable && !(tail.startsWith("|", third) && third < second);
  return afterHeader && /^[\s|:-]*$/.test(line) ? tail.slice(0, second) : tail;
}

function lineStart(text: string, end: number): number {
  return end <= 0 ? 0 : text.lastIndexOf("\n", end - 1) + 1;
}
