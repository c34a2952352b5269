/** An answer's tokens in place of its text, shaded by how likely each was: as nbchat/jupyter/shading.py draws them in a cell. */

import { h } from "./element.ts";
import type { Probabilities } from "./protocol.ts";

/** Asks for the tokens from one on; null, and the reason said, where there are none to have. */
export type AskForTokens = (node: string, start: number) => Promise<Probabilities | null>;

let groups = 0;

export class Shading {
  readonly element = h("div", { class: "nbchat-tokens", hidden: true });
  readonly #ask: AskForTokens;
  readonly #text = h("div", {
    class: "nbchat-tokens-text",
    role: "radiogroup",
    "aria-label": "Tokens by probability",
    dir: "auto",
  });
  readonly #key = h("div", { class: "nbchat-tokens-key" });
  readonly #more = h("button", {
    type: "button",
    class: "nbp-text-button",
    onclick: () => void this.#goOn(),
  });
  readonly #group = `nbchat-tokens-${++groups}`;
  #node = "";
  #drawn = 0;

  constructor(ask: AskForTokens) {
    this.#ask = ask;
    this.element.append(this.#text, this.#more, this.#key);
  }

  /** Has the tokens of a message drawn; false where there are none. */
  async load(node: string): Promise<boolean> {
    if (node !== this.#node) {
      const page = await this.#ask(node, 0);
      if (!page) return false;
      this.#node = node;
      this.#drawn = 0;
      this.#text.replaceChildren();
      this.#key.replaceChildren(
        ...page.levels.flatMap((words, level) => [
          h("span", { class: `nbchat-token nbchat-token-${level}` }, words),
          " ",
        ]),
      );
      this.#add(page);
    }
    return true;
  }

  async #goOn(): Promise<void> {
    const page = await this.#ask(this.#node, this.#drawn);
    if (!page) return;
    const first = this.#text.childNodes.length;
    this.#add(page);
    // The button may be gone, or is further down: the keyboard goes on with what it brought.
    (this.#text.childNodes[first] as Element | undefined)?.querySelector("input")?.focus();
  }

  #add({ tokens, total }: Probabilities): void {
    for (const [text, level, said, lines] of tokens) {
      const button = h("input", { type: "radio", name: this.#group, "aria-description": said });
      const shade = level === null ? "" : ` nbchat-token-${level}`;
      this.#text.append(
        h("label", { class: `nbchat-token${shade}`, "data-nbchat-likely": said }, button, text),
        "\n".repeat(lines),
      );
    }
    this.#drawn += tokens.length;
    const left = total - this.#drawn;
    this.#more.hidden = left <= 0 || tokens.length === 0;
    this.#more.textContent = `Show more of the ${left.toLocaleString()} tokens that follow`;
  }
}
