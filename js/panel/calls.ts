/**
 * The calls of tools that an answer asks for, a card each: folded, but for one that waits for the reader's word. Below a
 * card stands what the tool gave, where that is a table or a picture.
 */

import { CallLine, type CallState } from "../cell/call.ts";
import type { Actions } from "./actions.ts";
import { h } from "./element.ts";
import { givenList } from "./media.ts";
import type { Call, Medium, Message } from "./protocol.ts";
import { readTable, tableView } from "./table.ts";

const TOLD = "What the model is told";
/** What a result is, where it is none. */
const RESULTS: Partial<Record<CallState, string>> = { failed: "Error", refused: TOLD };

export class CallCards {
  readonly element = h("div", { class: "nbp-calls", role: "group", "aria-label": "Calls of tools" });
  readonly #actions: Actions;
  #cards: CallCard[] = [];

  constructor(actions: Actions) {
    this.#actions = actions;
    this.element.hidden = true;
  }

  show({ id, turn, calls = [] }: Message): void {
    this.element.hidden = calls.length === 0;
    while (this.#cards.length < calls.length) {
      const card = new CallCard(this.#actions);
      this.#cards.push(card);
      this.element.append(card.element, card.given);
    }
    for (const { element, given } of this.#cards.splice(calls.length)) {
      element.remove();
      given.remove();
    }
    calls.forEach((call, at) => {
      this.#cards[at]?.show(turn, call, () => this.#actions.media(id, at));
    });
  }
}

class CallCard {
  readonly element = h("details", { class: "nbp-card" });
  readonly given = h("div", { class: "nbp-given" });
  readonly #actions: Actions;
  readonly #line = new CallLine();
  readonly #summary = h("summary", {}, this.#line.element);
  readonly #body = h("div", { class: "nbp-card-body" });
  #asked = false;
  #told = "";

  constructor(actions: Actions) {
    this.#actions = actions;
    this.element.append(this.#summary, this.#body);
  }

  show(turn: string, call: Call, media: () => Promise<readonly Medium[]>): void {
    const told = JSON.stringify(call);
    // What the reader is in the middle of stays as it is, whatever becomes of the other calls.
    if (told === this.#told) return;
    this.#told = told;
    this.#line.show(call);
    this.element.dataset.state = call.state;
    const asking = call.state === "asking";
    // It opens by itself to ask, and closes by itself when that is over; anything else is the reader's.
    if (asking !== this.#asked) this.element.open = asking;
    this.#asked = asking;
    const table = call.state === "done" && call.result ? readTable(call.result) : null;
    const focused = this.#body.contains(document.activeElement);
    this.#body.replaceChildren(
      block("Arguments", call.arguments || "none"),
      ...(asking ? [this.#question(turn, call)] : []),
      ...(call.result === undefined
        ? []
        : [block(table ? TOLD : (RESULTS[call.state] ?? "Result"), call.result.replace(/^\n+/, ""))]),
    );
    if (focused) this.#summary.focus();
    this.given.replaceChildren(...(table ? [tableView(table)] : []));
    if (!call.media) return;
    void media().then((given) => {
      if (this.#told === told && given.length > 0) this.given.append(givenList(given, call.name));
    });
  }

  #question(turn: string, { id, name }: Call): HTMLElement {
    const answer = (label: string, allowed: boolean) =>
      h(
        "button",
        {
          type: "button",
          class: allowed ? "nbp-text-button nbp-primary" : "nbp-text-button",
          onclick: () => {
            // A button that is off has no focus.
            this.#summary.focus();
            for (const button of buttons) button.disabled = true;
            this.#actions.approve(turn, id, allowed);
          },
        },
        label,
      );
    const buttons = [answer("Allow", true), answer("Don't allow", false)];
    return h(
      "div",
      { class: "nbp-ask", role: "group", "aria-label": `May ${name} be called?` },
      h("p", {}, "The model asks to call ", h("code", {}, name), ". It has not run."),
      ...buttons,
    );
  }
}

function block(title: string, text: string): HTMLElement {
  return h(
    "section",
    {},
    h("p", { class: "nbp-card-title" }, title),
    // What is longer scrolls, so the keyboard has to get there.
    h("pre", { tabindex: 0, role: "group", "aria-label": title, dir: "auto" }, text),
  );
}
