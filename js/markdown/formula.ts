/**
 * What is a formula, and what is a price: the rules of nbchat/session/markdown/maths.py, by which the saved answer goes.
 *
 * Models write `$x$`, `$$x$$`, `\(x\)`, `\[x\]` and bare `\begin{align}`.
 */

export interface Formula {
  /** The TeX between the delimiters. */
  tex: string;
  /** How many characters the whole takes, delimiters and all. */
  length: number;
  /** Whether it stands on its own line when it is set in type. */
  display: boolean;
}

/** How far the end of a formula within a line is looked for. */
export const LONGEST_INLINE = 2000;
/** Longer ones are not set in type: it would hold up the page. */
const LONGEST = 4000;
/** Braces in braces; beyond, it is no formula: looking for the end of each would cost the text's square. */
const DEEPEST = 50;

const ENVIRONMENT = [
  "equation|align(?:at|ed|edat)?|gather(?:ed)?|multline|eqnarray|flalign|split|[dr]?cases",
  "(?:sub)?array|(?:small|[pbvBV])?matrix",
].join("|");
const OPENING = new RegExp(String.raw`^(?:\$\$?|\\\\?[([]|\\begin\{((?:${ENVIRONMENT})\*?)\})`);
/** What matters between two dollars, and between two brackets. */
const STEP = /\\[\s\S]|\$\$?|[{}`]/g;
const TURN = /\\\\?[()[\]]|\\[\s\S]|`/g;

/** What only mathematics has: a command, a script, a relation. */
const STRONG = /\\[A-Za-z,;:!|{}]|[\^_=]/;
/** A word of prose: no function's name, and not in capitals as units, elements and tickers are. */
const WORD = /(?<![\\A-Za-z])(?!(?:sin|cos|tan|log|ln|exp|min|max|mod|lim|det|dim|gcd)\b)[A-Za-z]*[a-z]{2}/g;
const TAG = /<\/?[A-Za-z][^<>]*>/;
/** What stands between brackets that were escaped: `\[1\]`, `\[^note\]`. */
const NOTE = /^(?:\^?\d+|\^\w+)$/;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;

/** Commands that reach out of the formula: links, attributes, files, and definitions, with which five lines make millions. */
const REACHES_OUT = new RegExp(
  String.raw`\\(?:href|url|require|class|cssId|style|data|mmlToken|unicode|includegraphics|bbox|html[A-Za-z]*` +
    "|texttip|mathtip|toggle|[egx]?def|let|global|futurelet|catcode|csname|input|include|openout|write" +
    "|(?:re|provide)?newcommand|renewcommand|providecommand|(?:re)?newenvironment|Declare[A-Za-z]+" +
    "|newcolumntype)(?![A-Za-z])",
);

/** The formula that `text` begins with, if there is one. `before` is the character ahead of it. */
export function formulaAt(text: string, before = ""): Formula | null {
  const found = delimited(text);
  if (!found) return null;
  const { tex, length, display } = found;
  if (display) return isDisplayed(tex) ? found : null;
  const [left, right] = text.startsWith("$") ? [before, text.charAt(length)] : ["", ""];
  return isFormula(tex, left, right) ? found : null;
}

/** The formula that `source` is as a whole, if it does no more than that and is set in little time. */
export function formulaToSet(source: string): Formula | null {
  const found = source.length <= LONGEST ? delimited(source) : null;
  return found?.length === source.length && !REACHES_OUT.test(found.tex) ? found : null;
}

/** How a line opens a formula that has its lines to itself. */
export interface Opening {
  length: number;
  closing: string;
  /** It is one before its end has been seen. */
  sure: boolean;
}

export function openingOf(line: string): Opening | null {
  const [opening, name] = OPENING.exec(line) ?? [];
  if (!opening || opening === "$" || opening.endsWith("(")) return null;
  const { length } = opening;
  const closing = name ? `\\end{${name}}` : opening.replace("[", "]");
  return { length, closing, sure: !!name || line.length === length || STRONG.test(line.slice(length)) };
}

/** What `text` begins with and has closed: a formula, or two prices. */
function delimited(text: string): Formula | null {
  const [opening, name] = OPENING.exec(text) ?? [];
  if (!opening) return null;
  if (name) {
    const closing = `\\end{${name}}`;
    const end = text.indexOf(closing, opening.length);
    const length = end + closing.length;
    if (end < 0 || text.slice(0, end).includes("`")) return null;
    return { tex: text.slice(0, length), length, display: true };
  }
  const dollar = opening.startsWith("$");
  const end = dollar ? closingDollar(text, opening) : closingBracket(text, opening);
  const tex = text.slice(opening.length, end);
  if (end < 0 || !LETTER_OR_DIGIT.test(tex)) return null;
  return { tex, length: end + opening.length, display: dollar ? opening === "$$" : opening.endsWith("[") };
}

/** Where the dollars close, -1 where they don't: the first ones outside braces decide. */
function closingDollar(text: string, opening: string): number {
  let depth = 0;
  STEP.lastIndex = opening.length;
  for (let step = STEP.exec(text); step; step = STEP.exec(text)) {
    if (step[0] === "{") depth += 1;
    else if (step[0] === "}") depth -= 1;
    else if (step[0].startsWith("$") && depth === 0) return step[0] === opening ? step.index : -1;
    if (step[0] === "`" || depth < 0 || depth > DEEPEST) return -1;
  }
  return -1;
}

/** Where `\(` or `\[` closes, -1 where another one opens before that. */
function closingBracket(text: string, opening: string): number {
  const closing = opening.replace("(", ")").replace("[", "]");
  if (!text.includes(closing, opening.length)) return -1;
  TURN.lastIndex = opening.length;
  for (let turn = TURN.exec(text); turn; turn = TURN.exec(text)) {
    if (turn[0] === closing) return turn.index;
    if (turn[0] === "`" || turn[0] === opening) return -1;
  }
  return -1;
}

/** Whether what stands between single dollars is a formula and not two prices or two shell variables. */
function isFormula(typed: string, before: string, after: string): boolean {
  const strong = STRONG.test(typed);
  const tex = before || after ? typed : typed.trim();
  if (LETTER_OR_DIGIT.test(before) || before === "$" || /\d/.test(after) || after === "$") return false;
  if (TAG.test(tex) || tex.includes("://")) return false;
  if (/^\s|\s$/.test(tex)) return strong && /^\s[\s\S]*\s$/.test(tex);
  if (strong) return true;
  if (/\p{L}/u.test(after)) return tex.length === 1; // "the $n$th"
  const words = countWords(tex);
  return words === 0 || (words === 1 && !/^\d/.test(tex) && !tex.includes(" "));
}

/** Whether what stands between `$$` or `\[` and `\]` is a formula and not prose, or the number of a note. */
function isDisplayed(tex: string): boolean {
  if (countWords(tex) > (/^\s/.test(tex) ? 0 : 1)) return STRONG.test(tex);
  return !NOTE.test(tex.trim());
}

function countWords(tex: string): number {
  return tex.match(WORD)?.length ?? 0;
}
