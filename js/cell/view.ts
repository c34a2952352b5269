/** Draws an answer: its reasoning in a fold, its choices one under another, a note below. */

import { announce } from "./announce.ts";
import type { Answer, Change } from "./answer.ts";
import { type Choice, makeChoice } from "./choice.ts";
import { oncePerFrame } from "./frames.ts";
import { Freeze } from "./freeze.ts";
import { loadImagesOnDemand } from "./images.ts";
import { isRunning } from "./protocol.ts";
import { Reasoning } from "./reasoning.ts";

export function show(answer: Answer, el: HTMLElement, signal: AbortSignal): void {
  const view = new AnswerView(answer, el, signal);
  signal.addEventListener(
    "abort",
    answer.subscribe((change) => view.update(change)),
  );
}

class AnswerView {
  readonly #answer: Answer;
  readonly #root = document.createElement("div");
  readonly #body = document.createElement("div");
  readonly #note = document.createElement("div");
  readonly #reasoning = new Reasoning();
  readonly #freeze: Freeze;
  readonly #draw: () => void;
  #choices: Choice[] = [];
  #total = 0;
  #spoken = false;
  #ended = false;

  constructor(answer: Answer, el: HTMLElement, signal: AbortSignal) {
    this.#answer = answer;
    this.#freeze = new Freeze(el, signal);
    this.#draw = oncePerFrame(() => this.#flush(), signal);
    this.#root.className = "nbchat-answer";
    this.#root.setAttribute("role", "group");
    this.#root.setAttribute("aria-label", answer.label);
    this.#body.className = "nbchat-body";
    this.#note.className = "nbchat-note";
    this.#root.append(this.#reasoning.element, this.#body, this.#note);
    el.append(this.#root);
    loadImagesOnDemand(this.#body, signal);
    // A view that goes at the end gives way to the finished answer; any other was closed by somebody.
    signal.addEventListener("abort", () => this.#ended && this.#freeze.hold());
    this.#reset();
    this.#showState();
    this.#flush();
  }

  update(change: Change): void {
    if (change.kind === "text") this.#append(change.choice, change.text);
    else if (change.kind === "reasoning") this.#reasoning.append(change.text);
    else if (change.kind === "reset") this.#reset();
    else if (change.kind === "state") this.#showState();
    else this.#end();
    this.#draw();
  }

  /** Where one more choice turns up, the headings of the others are wrong. */
  #append(choice: number, text: string): void {
    if (this.#answer.texts.length === this.#total) this.#choice(choice).append(text);
    else this.#reset();
  }

  #reset(): void {
    this.#choices = [];
    this.#total = this.#answer.texts.length;
    this.#body.replaceChildren();
    this.#reasoning.reset(this.#answer.reasoning);
    this.#answer.texts.forEach((text, index) => {
      this.#choice(index).append(text);
    });
  }

  #choice(index: number): Choice {
    while (this.#choices.length <= index) {
      const choice = makeChoice(this.#answer.format, this.#title(this.#choices.length + 1));
      this.#choices.push(choice);
      this.#body.append(choice.element);
    }
    return this.#choices[index] as Choice;
  }

  #title(number: number): string | null {
    const { length } = this.#answer.texts;
    return length > 1 ? `Choice ${number} of ${length}` : null;
  }

  #flush(): void {
    for (const choice of this.#choices) choice.flush();
    this.#reasoning.flush();
    const empty = this.#answer.texts.every((text) => !text);
    this.#root.classList.toggle("nbchat-empty", empty);
  }

  #showState(): void {
    const running = isRunning(this.#answer.status);
    this.#root.setAttribute("aria-busy", String(running));
    this.#root.classList.toggle("nbchat-running", running);
    this.#note.textContent = this.#answer.note;
    if (running && !this.#spoken) {
      this.#spoken = true;
      announce(`${this.#answer.label}: answering…`);
    }
    if (!running) this.#end();
  }

  #end(): void {
    this.#ended = true;
    for (const choice of this.#choices) choice.finish();
    this.#root.classList.remove("nbchat-running");
    if (this.#spoken) announce(`${this.#answer.label}: ${END[this.#answer.status] ?? "finished"}.`);
    this.#spoken = false;
    this.#freeze.hold();
  }
}

const END: Partial<Record<string, string>> = { stopped: "stopped", failed: "failed" };
