/** Draws a turn: its answers one under another, each with the calls that it asks for, and a note below. */

import { announce } from "./announce.ts";
import type { Answer, Change } from "./answer.ts";
import { oncePerFrame } from "./frames.ts";
import { Freeze } from "./freeze.ts";
import { loadImagesOnDemand } from "./images.ts";
import { isRunning, type Round } from "./protocol.ts";
import { RoundView } from "./round.ts";

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
  readonly #all = document.createElement("div");
  readonly #note = document.createElement("div");
  readonly #freeze: Freeze;
  readonly #draw: () => void;
  #rounds: RoundView[] = [];
  #spoken = false;
  #ended = false;

  constructor(answer: Answer, el: HTMLElement, signal: AbortSignal) {
    this.#answer = answer;
    this.#freeze = new Freeze(el, signal);
    this.#draw = oncePerFrame(() => this.#flush(), signal);
    this.#root.className = "nbchat-answer";
    this.#root.setAttribute("role", "group");
    this.#root.setAttribute("aria-label", answer.label);
    this.#note.className = "nbchat-note";
    this.#root.append(this.#all, this.#note);
    el.append(this.#root);
    loadImagesOnDemand(this.#all, signal);
    // A view that goes at the end gives way to the finished answer; any other was closed by somebody.
    signal.addEventListener("abort", () => this.#ended && this.#freeze.hold());
    this.#reset();
    this.#showState();
    this.#flush();
  }

  update(change: Change): void {
    if (change.kind === "reset") this.#reset();
    else if (change.kind === "round") this.#begin();
    else if (change.kind === "state") this.#showState();
    else if (change.kind === "finishing") this.#end();
    else this.#grow(change);
    this.#draw();
  }

  #grow(change: Extract<Change, { round: number }>): void {
    const round = this.#answer.rounds[change.round];
    const view = this.#rounds[change.round];
    if (!round || !view) return;
    if (change.kind === "text") view.append(round, change.choice, change.text);
    else if (change.kind === "reasoning") view.think(change.text);
    else view.showCalls(round.calls);
  }

  #begin(): void {
    this.#rounds.at(-1)?.finish();
    this.#reach(this.#answer.rounds);
  }

  #reset(): void {
    this.#rounds = [];
    this.#all.replaceChildren();
    this.#reach(this.#answer.rounds);
  }

  /** Makes the views that are missing, each with all there is of its round. */
  #reach(rounds: readonly Round[]): void {
    for (const round of rounds.slice(this.#rounds.length)) {
      const view = new RoundView(this.#answer.format);
      view.reset(round);
      this.#rounds.push(view);
      this.#all.append(view.element);
    }
  }

  #flush(): void {
    const running = isRunning(this.#answer.status) && !this.#ended;
    this.#rounds.forEach((round, at) => {
      round.flush(running && at === this.#rounds.length - 1);
    });
  }

  #showState(): void {
    const running = isRunning(this.#answer.status);
    this.#root.setAttribute("aria-busy", String(running));
    this.#note.textContent = this.#answer.note;
    if (running && !this.#spoken) {
      this.#spoken = true;
      announce(`${this.#answer.label}: answering…`);
    }
    if (!running) this.#end();
  }

  #end(): void {
    this.#ended = true;
    for (const round of this.#rounds) round.finish();
    if (this.#spoken) announce(`${this.#answer.label}: ${END[this.#answer.status] ?? "finished"}.`);
    this.#spoken = false;
    this.#freeze.hold();
  }
}

const END: Partial<Record<string, string>> = { stopped: "stopped", failed: "failed" };
