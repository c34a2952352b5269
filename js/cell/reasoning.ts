/** What the model thought before it answered, in a fold that is closed until the reader opens it. */

import { appendText } from "../markdown/plain.ts";

export class Reasoning {
  readonly element = document.createElement("details");
  readonly #text = document.createElement("div");
  #arrived = "";

  constructor() {
    const summary = document.createElement("summary");
    summary.textContent = "Thinking";
    this.element.className = "nbchat-reasoning";
    this.#text.className = "nbchat-reasoning-text";
    this.element.append(summary, this.#text);
    this.element.hidden = true;
  }

  append(text: string): void {
    this.#arrived += text;
  }

  reset(text: string): void {
    this.#text.replaceChildren();
    this.#arrived = text;
  }

  flush(): void {
    if (!this.#arrived) return;
    this.element.hidden = false;
    appendText(this.#text, this.#arrived);
    this.#arrived = "";
  }
}
