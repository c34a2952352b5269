/** An open code fence: its lines are shown as they come, without any parsing, until one of them closes it. */

import { closesFence, type OpenFence } from "./blocks.ts";
import { appendText } from "./plain.ts";

/** Lines are kept in blocks of about this size: a browser lays out again only the block that has grown. */
const BLOCK = 2048;

export class FenceStream {
  readonly #fence: OpenFence;
  readonly #code: Element;
  /** The line that is not complete yet, and how much of it is shown. */
  #line = "";
  #shown = 0;
  #block: HTMLElement;
  #size = 0;

  constructor(fence: OpenFence, code: Element) {
    this.#fence = fence;
    this.#code = code;
    this.#block = this.#openBlock();
  }

  /** Shows more of the content. True as soon as the closing line has passed. */
  feed(text: string): boolean {
    const lines = (this.#line + text).split("\n");
    const partial = lines.pop() ?? "";
    let out = "";
    for (const line of lines) {
      if (closesFence(line, this.#fence)) {
        this.#show(out);
        return true;
      }
      out += `${this.#unindent(line).slice(this.#shown)}\n`;
      this.#shown = 0;
    }
    // A line of backticks so far may be the end: it waits.
    if (!/^\s*[`~]*\s*$/.test(partial)) {
      const shown = this.#unindent(partial);
      out += shown.slice(this.#shown);
      this.#shown = shown.length;
    }
    this.#line = partial;
    this.#show(out);
    return false;
  }

  #show(text: string): void {
    if (!text) return;
    const end = this.#size > BLOCK ? text.indexOf("\n") + 1 : 0;
    if (end === 0) {
      appendText(this.#block, text);
      this.#size += text.length;
      return;
    }
    appendText(this.#block, text.slice(0, end));
    this.#block = this.#openBlock();
    this.#show(text.slice(end));
  }

  #openBlock(): HTMLElement {
    this.#size = 0;
    const block = document.createElement("span");
    block.className = "nbchat-lines";
    return this.#code.appendChild(block);
  }

  #unindent(line: string): string {
    let spaces = 0;
    while (spaces < this.#fence.indent && line[spaces] === " ") spaces += 1;
    return line.slice(spaces);
  }
}
