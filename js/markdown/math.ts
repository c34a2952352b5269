/**
 * Keeps formulas as they were written, so that `_` and `\\` inside them are not taken for Markdown.
 *
 * Only the source is kept, in an element of its own; who can set it in type does that afterwards. A block of maths ends at
 * its closing `$$` or at a blank line, whichever comes first: what is above a blank line never changes again, which is
 * what lets a stream seal it.
 */

import type { MarkdownIt, StateBlock, StateInline } from "markdown-it";

const INLINE = /\$(\$?)(?![\s$])((?:[^$\\]|\\.)*?[^\s$\\]|(?:[^$\\]|\\.)*?\\.)\$\1(?!\d)/y;

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
  if (state.src.charCodeAt(state.pos) !== 0x24) return false;
  INLINE.lastIndex = state.pos;
  const found = INLINE.exec(state.src)?.[0];
  if (!found || state.pos + found.length > state.posMax) return false;
  if (!silent) state.push("nbchat_math", "span", 0).content = found;
  state.pos += found.length;
  return true;
}

function blockRule(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  const indent = state.sCount[startLine] ?? 0;
  if (indent - state.blkIndent >= 4) return false;
  const first = textOf(state, startLine);
  if (!first.startsWith("$$") || first.startsWith("$$$")) return false;
  const restOfFirst = first.slice(2).trimEnd();
  // `$$x$$ and more` is a sentence that begins with a formula.
  if (restOfFirst.includes("$$") && !restOfFirst.endsWith("$$")) return false;
  if (silent) return true;
  let next = startLine + 1;
  if (!restOfFirst.endsWith("$$") || restOfFirst === "") {
    while (next < endLine && !state.isEmpty(next) && (state.sCount[next] ?? 0) >= state.blkIndent) {
      const closes = textOf(state, next).trimEnd().endsWith("$$");
      next += 1;
      if (closes) break;
    }
  }
  const token = state.push("nbchat_math_block", "p", 0);
  token.map = [startLine, next];
  token.content = state.getLines(startLine, next, state.blkIndent, false).trim();
  state.line = next;
  return true;
}

function textOf(state: StateBlock, line: number): string {
  return state.src.slice((state.bMarks[line] ?? 0) + (state.tShift[line] ?? 0), state.eMarks[line]);
}
