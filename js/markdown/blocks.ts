/** Where a growing document may be cut: above this line, nothing that is still to come can change the blocks. */

import type { Token } from "markdown-it";
import { parser } from "./parser.ts";
import { meter } from "./render.ts";

/** A code fence that has been opened and not yet closed. */
export interface OpenFence {
  /** The first character of its content, counted from the start of the source. */
  content: number;
  marker: string;
  length: number;
  indent: number;
}

/** Blocks that go on below a blank line in no case. */
const ENDED_BY_BLANK = new Set([
  "blockquote_open",
  "heading_open",
  "hr",
  "nbchat_math_block",
  "paragraph_open",
  "table_open",
]);

export interface Cut {
  /** How much of the source is settled. */
  settled: number;
  /** The fence that the rest consists of, if that is all there is. */
  fence: OpenFence | null;
}

/** `source` must end in a newline: half a line may still become anything. */
export function cut(source: string): Cut {
  meter.parsed += source.length;
  const tokens: Token[] = [];
  parser.block.parse(source, parser, {}, tokens);
  const blocks = tokens.filter((token) => token.level === 0 && token.nesting >= 0 && token.map !== null);
  const last = blocks.at(-1);
  if (!last?.map) return { settled: 0, fence: null };
  const lines = lineStarts(source);
  const [start, end] = last.map;
  if (last.type === "fence") {
    const opening = source.slice(lines[start], lines[start + 1]);
    if (isClosed(last, source.slice(lines[end - 1], lines[end]), end - start)) {
      return { settled: lines[end] ?? source.length, fence: null };
    }
    const settled = lines[start] ?? 0;
    const indent = opening.length - opening.trimStart().length;
    const content = lines[start + 1] ?? source.length;
    return { settled, fence: { content, marker: last.markup[0] ?? "`", length: last.markup.length, indent } };
  }
  const below = lines[end] ?? source.length;
  const isEnded = ENDED_BY_BLANK.has(last.type) && below < source.length;
  if (isEnded || last.meta?.closed) return { settled: below, fence: null };
  // What follows a link definition without a blank line may still become its title.
  const before = blocks.at(-2);
  const isTitle = before?.type === "reference_definition" && before.map?.[1] === start;
  const from = isTitle ? before.map?.[0] : start;
  return { settled: lines[from ?? 0] ?? 0, fence: null };
}

/** Whether this line ends the fence. */
export function closesFence(line: string, fence: Pick<OpenFence, "marker" | "length">): boolean {
  const found = /^ {0,3}(`+|~+)[ \t\r]*\n?$/.exec(line)?.[1];
  return found !== undefined && found[0] === fence.marker && found.length >= fence.length;
}

function isClosed(token: Token, lastLine: string, lines: number): boolean {
  return lines > 1 && closesFence(lastLine, { marker: token.markup[0] ?? "`", length: token.markup.length });
}

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
