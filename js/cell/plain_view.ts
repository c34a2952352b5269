/** The answer as bare text, for the moment before the code has come. */

import type { Model } from "./anywidget.ts";
import type { Delta, Round } from "./protocol.ts";

export class PlainView {
  readonly #pre = document.createElement("pre");
  readonly #model: Model;
  readonly #hear = (message: unknown) => this.#take(message);

  constructor(model: Model, earlier: readonly unknown[], el: HTMLElement) {
    this.#model = model;
    const rounds = (model.get("rounds") as Round[] | undefined) ?? [];
    this.#pre.append(rounds.flatMap(({ texts }) => texts).join("\n\n"));
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
