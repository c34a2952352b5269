/** Draws one answer of a turn: its reasoning in a fold, its choices side by side, a line for each call it asks for. */

import { AskButtons } from "./ask.ts";
import { CallLine, type Standing } from "./call.ts";
import { type Choice, makeChoice } from "./choice.ts";
import type { Format, Round } from "./protocol.ts";
import { Reasoning } from "./reasoning.ts";

export class RoundView {
  readonly element = document.createElement("div");
  readonly #format: Format;
  readonly #reasoning = new Reasoning();
  readonly #body = document.createElement("div");
  readonly #calls = document.createElement("ul");
  #choices: Choice[] = [];
  #lines: CallLine[] = [];
  #buttons: AskButtons[] = [];
  #texts: readonly string[] = [];
  #total = 0;

  constructor(format: Format) {
    this.#format = format;
    this.element.className = "nbchat-round";
    this.#body.className = "nbchat-body";
    this.#calls.className = "nbchat-calls";
    this.#calls.setAttribute("aria-label", "Calls of tools");
    this.element.append(this.#reasoning.element, this.#body, this.#calls);
  }

  /** Draws all of it anew. */
  reset(round: Round): void {
    this.#choices = [];
    this.#texts = round.texts;
    this.#total = round.texts.length;
    this.#body.replaceChildren();
    this.#reasoning.reset(round.reasoning);
    round.texts.forEach((text, index) => {
      this.#choice(index).append(text);
    });
    this.showCalls(round.calls);
  }

  /** Where one more choice turns up, the headings of the others are wrong. */
  append(round: Round, choice: number, text: string): void {
    if (round.texts.length === this.#total) this.#choice(choice).append(text);
    else this.reset(round);
  }

  think(text: string): void {
    this.#reasoning.append(text);
  }

  showCalls(calls: readonly Standing[]): void {
    this.#calls.hidden = calls.length === 0;
    while (this.#lines.length < calls.length) {
      const line = new CallLine();
      const buttons = new AskButtons();
      const item = document.createElement("li");
      item.append(line.element, buttons.element);
      this.#calls.append(item);
      this.#lines.push(line);
      this.#buttons.push(buttons);
    }
    // A cell asks one thing after another.
    const asked = calls.findIndex(({ question }) => question);
    calls.forEach((call, at) => {
      this.#lines[at]?.show(call);
      this.#buttons[at]?.show(at === asked ? (call.question ?? "") : "");
    });
  }

  /** While it is the one that grows, it has a caret, or dots where the first word is waited for. */
  flush(running: boolean): void {
    for (const choice of this.#choices) choice.flush();
    this.#reasoning.flush();
    this.element.classList.toggle("nbchat-running", running && this.#lines.length === 0);
    this.element.classList.toggle(
      "nbchat-empty",
      this.#texts.every((text) => !text),
    );
  }

  finish(): void {
    for (const choice of this.#choices) choice.finish();
    this.element.classList.remove("nbchat-running");
  }

  #choice(index: number): Choice {
    // Plain text stays one beneath the other, as the notebook will have it.
    this.#body.classList.toggle("nbchat-row", this.#total > 1 && this.#format === "markdown");
    while (this.#choices.length <= index) {
      const title = this.#total > 1 ? `Choice ${this.#choices.length + 1} of ${this.#total}` : null;
      const choice = makeChoice(this.#format, title);
      this.#choices.push(choice);
      this.#body.append(choice.element);
    }
    return this.#choices[index] as Choice;
  }
}
