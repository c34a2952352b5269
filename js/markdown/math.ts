/**
 * Keeps formulas as they were written, so that `_` and `\\` inside them are not taken for Markdown.
 *
 * Only the source is kept, in an element of its own; who can set it in type does that afterwards. A block of maths ends
 * where it is closed or at a blank line, whichever comes first: what is above a blank line never changes again, which is
 * what lets a stream seal it.
 */

import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";
import { formulaAt, LONGEST_INLINE, openingOf } from "./formula.ts";

export function math(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "nbchat_math", inlineRule);
  md.block.ruler.before("fence", "nbchat_math_block", blockRule, {
    alt: ["paragraph", "reference", "blockquote", "list"],
  });
  md.renderer.rules.nbchat_math = (tokens, index) =>
    `<span class="nbchat-math">${md.utils.escapeHtml(tokens[index]?.content ?? "")}</span>`;
  md.renderer.rules.nbchat_math_block = (tokens, index) =>
    `<p class="nbchat-math">${md.utils.escapeHtml(tokens[index]?.content ?? "")}</p>\n`;
}

function inlineRule(state: StateInline, silent: boolean): boolean {
  const { src, pos, posMax } = state;
  if (src[pos] !== "$" && src[pos] !== "\\") return false;
  const found = formulaAt(src.slice(pos, Math.min(posMax, pos + LONGEST_INLINE)), src.charAt(pos - 1));
  if (!found) return false;
  if (!silent) state.push("nbchat_math", "span", 0).content = src.slice(pos, pos + found.length);
  state.pos += found.length;
  return true;
}

function blockRule(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
  const first = textOf(state, startLine);
  const opening = openingOf(first);
  if (!opening) return false;
  let next = startLine + 1;
  let closed = first.includes(opening.closing, opening.length);
  if (closed) {
    // `$$x$$ and more` is a sentence that begins with a formula.
    if (formulaAt(first)?.length !== first.length) return false;
  } else {
    if (!opening.sure) return false;
    for (; next < endLine && !closed && goesOn(state, next); next += 1) {
      closed = textOf(state, next).endsWith(opening.closing);
    }
  }
  if (silent) return true;
  const token = state.push("nbchat_math_block", "p", 0);
  token.map = [startLine, next];
  token.meta = { closed };
  token.content = state.getLines(startLine, next, state.blkIndent, false).trim();
  state.line = next;
  return true;
}

function goesOn(state: StateBlock, line: number): boolean {
  return !state.isEmpty(line) && (state.sCount[line] ?? 0) >= state.blkIndent;
}

function textOf(state: StateBlock, line: number): string {
  return state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]).trimEnd();
}
