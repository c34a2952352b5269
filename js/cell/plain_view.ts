/** The answer as bare text, for the moment before the code has come. */

import type { Model } from "./anywidget.ts";
import type { Delta } from "./protocol.ts";

export class PlainView {
  readonly #pre = document.createElement("pre");
  readonly #model: Model;
  readonly #hear = (message: unknown) => this.#take(message);

  constructor(model: Model, earlier: readonly unknown[], el: HTMLElement) {
    this.#model = model;
    this.#pre.append(((model.get("texts") as string[] | undefined) ?? []).join("\n\n"));
    for (const message of earlier) this.#take(message);
    model.on("msg:custom", this.#hear);
    el.append(this.#pre);
  }

  remove(): void {
    this.#model.off("msg:custom", this.#hear);
    this.#pre.remove();
  }

  #take(message: unknown): void {
    const { type, texts } = message as Partial<Delta>;
    if (type === "delta") for (const [, text] of texts ?? []) this.#pre.append(text);
  }
}
