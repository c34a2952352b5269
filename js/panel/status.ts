/** The line that says what goes on, who answers, and what it took. */

import { money } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { h } from "./element.ts";
import { type State, stateOf } from "./transcript.ts";

const WORDS: Record<State, string> = {
  idle: "Ready",
  queued: "Queued",
  waiting: "Waiting for the first token",
  streaming: "Answering",
  retrying: "Trying again",
  calling: "Calling tools",
  asking: "A tool waits for your word",
  failed: "Failed",
};

export class StatusView {
  readonly #state = h("span", { class: "nbp-state" });
  readonly #who = h("span", { class: "nbp-who" });
  readonly #spent = h("span", { class: "nbp-spent" });
  readonly element = h(
    "footer",
    { class: "nbp-status", "aria-label": "Status" },
    this.#state,
    this.#who,
    this.#spent,
  );

  show({ transcript, settings, gone }: Connection): void {
    const state = stateOf(transcript.turns);
    const waiting = transcript.turns.filter((turn) => turn.state === "queued").length;
    const more = waiting > 0 && state !== "queued" ? `, ${waiting} queued` : "";
    this.element.dataset.state = gone ? "gone" : state;
    this.#state.textContent = gone ? "The kernel is gone" : WORDS[state] + more;
    const { endpoint, model, prompt, completion, cost } = settings.about;
    this.#who.textContent = [model, endpoint].filter(Boolean).join(" · ");
    this.#who.title = this.#who.textContent;
    const tokens = prompt + completion;
    this.#spent.textContent =
      tokens > 0
        ? [`${tokens.toLocaleString()} tokens`, cost ? money(cost) : ""].filter(Boolean).join(" · ")
        : "";
    this.#spent.title = `${prompt} prompt and ${completion} completion tokens in this session`;
  }
}
