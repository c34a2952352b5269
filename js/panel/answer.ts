/** One answer, while it streams and after: reasoning, text or choices side by side, how it ended, what it took. */

import { inSeconds } from "../cell/call.ts";
import { Reasoning } from "../cell/reasoning.ts";
import { renderSettled } from "../markdown/render.ts";
import { MarkdownStream } from "../markdown/stream.ts";
import type { Actions } from "./actions.ts";
import { CallCards } from "./calls.ts";
import { addCodeBars } from "./code.ts";
import { copy, findAll, h, icon, iconButton } from "./element.ts";
import type { Formulas } from "./formulas.ts";
import type { Message, Meter, Turn } from "./protocol.ts";
import { branchWalk } from "./question.ts";
import { Shading } from "./shading.ts";

const WAITING: Record<Turn["state"], string> = {
  queued: "Queued",
  waiting: "Waiting for the first word",
  retrying: "Trying again",
  streaming: "",
  calling: "",
  asking: "",
  failed: "",
};

/** One of the texts that an answer has. */
class Choice {
  readonly element: HTMLElement;
  readonly #text = h("div", {
    class: "nbchat-choice jp-RenderedHTMLCommon jp-RenderedMarkdown",
    dir: "auto",
  });
  readonly #reasoning = new Reasoning();
  readonly #actions: Actions;
  readonly #formulas: Formulas;
  #shading: Shading | null = null;
  /** The message whose tokens are wanted. */
  #shaded: string | null = null;
  #stream: MarkdownStream | null = null;
  #thought = 0;
  #whole: string | null = null;

  constructor(actions: Actions, formulas: Formulas, head: HTMLElement | null, foot: HTMLElement | null) {
    this.#actions = actions;
    this.#formulas = formulas;
    this.element = h("section", { class: "nbp-choice" }, head, this.#reasoning.element, this.#text, foot);
  }

  get text(): string {
    return this.#whole ?? this.#stream?.text ?? "";
  }

  /** Brings it to this text, which goes on from what is there or is another. */
  grow(text: string, reasoning: string): void {
    if (this.#whole !== null || !text.startsWith(this.#stream?.text ?? "")) {
      this.#text.replaceChildren();
      this.#stream = null;
      this.#whole = null;
    }
    this.#stream ??= this.#begin();
    this.#stream.append(text.slice(this.#stream.text.length));
    this.#think(reasoning);
  }

  append(what: "text" | "reasoning", text: string): void {
    if (what === "text") {
      this.#stream ??= this.#begin();
      this.#stream.append(text);
    } else {
      this.#reasoning.append(text);
      this.#thought += text.length;
    }
  }

  flush(): void {
    this.#stream?.flush();
    this.#reasoning.flush();
  }

  /** Shows the whole; what streamed to the same text keeps its nodes, and with them the reader's selection. */
  settle(text: string, reasoning: string): void {
    if (this.#whole === text) return;
    if (this.#stream && text.startsWith(this.#stream.text)) {
      this.#stream.append(text.slice(this.#stream.text.length));
      this.#stream.finish();
    } else {
      this.#text.replaceChildren(renderSettled(text));
    }
    this.#stream = null;
    this.#whole = text;
    this.#think(reasoning);
    this.#reasoning.flush();
    this.#dress(this.#text);
  }

  /** Shows the tokens of a message in place of the text, or the text again; false where there are no tokens. */
  async shade(node: string | null): Promise<boolean> {
    this.#shaded = node;
    const found = node !== null && (await this.#tokens().load(node));
    // The reader may have wanted something else meanwhile.
    if (this.#shaded !== node) return true;
    if (this.#shading) this.#shading.element.hidden = !found;
    this.#text.hidden = found;
    return found;
  }

  #tokens(): Shading {
    if (!this.#shading) {
      this.#shading = new Shading(this.#actions.probabilities);
      this.#text.after(this.#shading.element);
    }
    return this.#shading;
  }

  #begin(): MarkdownStream {
    return new MarkdownStream(this.#text, null, (block) => this.#dress(block));
  }

  /** Block by block while it streams: done to a long answer at once, it would hold up the page. */
  #dress(blocks: Element): void {
    addCodeBars(blocks, this.#actions);
    this.#formulas.add(blocks);
    for (const box of blocks.querySelectorAll("input"))
      box.setAttribute("aria-label", box.checked ? "done" : "to do");
    // Their marks and their columns are on the side where their own text begins.
    for (const block of findAll(blocks, "blockquote, ol, table, ul")) block.setAttribute("dir", "auto");
  }

  #think(reasoning: string): void {
    if (reasoning.length === this.#thought) return;
    this.#reasoning.reset(reasoning);
    this.#thought = reasoning.length;
  }
}

export class AnswerView {
  readonly element = h("article", { class: "nbp-answer nbchat-answer", "aria-label": "Answer" });
  readonly #actions: Actions;
  readonly #formulas: Formulas;
  readonly #body = h("div", { class: "nbp-choices nbchat-body" });
  readonly #calls: CallCards;
  readonly #foot = h("div", { class: "nbp-foot" });
  readonly #toggle = iconButton("shades", "Show how likely each token was", () => {
    this.#shaded = !this.#shaded;
    void this.#shade();
  });
  #choices: Choice[] = [];
  #shape = "";
  /** The messages whose tokens can be shown, one for each choice, and whether they are. */
  #likely: (string | null)[] = [];
  #shaded = false;

  constructor(actions: Actions, formulas: Formulas) {
    this.#actions = actions;
    this.#formulas = formulas;
    this.#calls = new CallCards(actions);
    this.element.append(this.#body, this.#calls.element, this.#foot);
  }

  showTurn(turn: Turn): void {
    this.#reshape(turn.texts.map(() => null));
    turn.texts.forEach((text, at) => {
      this.#choices[at]?.grow(text, turn.reasoning[at] ?? "");
    });
    const failed = turn.state === "failed";
    this.element.classList.toggle("nbchat-running", !failed);
    this.element.setAttribute("aria-busy", String(!failed));
    this.#body.hidden = failed;
    this.#foot.replaceChildren(...this.#turnFoot(turn));
    this.flush();
  }

  append(choice: number, what: "text" | "reasoning", text: string): void {
    while (this.#choices.length <= choice) this.#reshape([...this.#choices.map(() => null), null]);
    this.#choices[choice]?.append(what, text);
  }

  flush(): void {
    for (const choice of this.#choices) choice.flush();
    this.element.classList.toggle(
      "nbchat-empty",
      this.#choices.every((choice) => !choice.text),
    );
  }

  showMessage(message: Message): void {
    const choices = message.choices ?? [
      { id: "", text: message.text ?? "", reasoning: message.reasoning ?? "" },
    ];
    this.#body.hidden = false;
    this.#reshape(choices.map(({ id }) => (id === message.id ? "" : id)));
    choices.forEach((choice, at) => {
      this.#choices[at]?.settle(choice.text, choice.reasoning);
    });
    this.#likely = (message.choices ?? [message]).map(({ id, likely }) => (likely ? id : null));
    void this.#shade();
    this.element.classList.remove("nbchat-running", "nbchat-empty");
    this.element.classList.toggle("nbp-open", message.open ?? false);
    this.element.setAttribute("aria-busy", "false");
    this.#calls.show(message);
    this.#foot.replaceChildren(...this.#messageFoot(message));
  }

  async #shade(): Promise<void> {
    const wanted = this.#shaded;
    this.#toggle.setAttribute("aria-pressed", String(wanted));
    const shown = await Promise.all(
      this.#choices.map((choice, at) => choice.shade(wanted ? (this.#likely[at] ?? null) : null)),
    );
    if (!wanted || shown.some(Boolean)) return;
    this.#shaded = false;
    this.#toggle.setAttribute("aria-pressed", "false");
  }

  /** How one of several choices ends: the one that the conversation goes on from has no identifier to go to. */
  #goOn(id: string): HTMLElement {
    if (!id) return h("p", { class: "nbp-note nbp-go-on" }, "The conversation goes on from here");
    const onclick = () => this.#actions.go(id);
    return h(
      "button",
      { type: "button", class: "nbp-text-button nbp-go-on", onclick },
      "Continue from this one",
    );
  }

  /** Makes as many choices as there are; null for those that can't be gone on from yet. */
  #reshape(ids: (string | null)[]): void {
    // One alone is the same while it streams and after: putting it in again would drop the reader's selection.
    const shape = ids.length === 1 ? "one" : JSON.stringify(ids);
    if (shape === this.#shape) return;
    this.#shape = shape;
    const before = this.#choices;
    this.#choices = ids.map((id, at) => {
      if (ids.length === 1 && before.length === 1 && before[0]) return before[0];
      if (ids.length === 1) return new Choice(this.#actions, this.#formulas, null, null);
      const title = h("strong", { class: "nbp-choice-head" }, `Choice ${at + 1} of ${ids.length}`);
      return new Choice(this.#actions, this.#formulas, title, id === null ? null : this.#goOn(id));
    });
    this.#body.classList.toggle("nbp-several", ids.length > 1);
    const texts = before.map((choice) => choice.text);
    this.#body.replaceChildren(...this.#choices.map((choice) => choice.element));
    if (before !== this.#choices)
      this.#choices.forEach((choice, at) => {
        if (!before.includes(choice) && texts[at]) choice.grow(texts[at], "");
      });
  }

  #turnFoot(turn: Turn): HTMLElement[] {
    if (turn.state === "failed") {
      return [
        errorCard(turn.error ?? "It failed.", [
          ["Retry", () => this.#actions.retry(turn.id)],
          ["Dismiss", () => this.#actions.dismiss(turn.id)],
        ]),
      ];
    }
    const said = turn.note || WAITING[turn.state];
    return said ? [h("span", { class: "nbp-note" }, said)] : [];
  }

  #messageFoot(message: Message): (HTMLElement | string)[] {
    const { id, turn } = message;
    const copying = iconButton("copy", "Copy as Markdown", () => {
      void copy(message.text ?? "", copying).then(
        (done) => !done && this.#actions.say("This page may not write to the clipboard."),
      );
    });
    const notes = [message.status === "cancelled" ? "Stopped" : "", message.note ?? ""]
      .filter(Boolean)
      .join(" · ");
    const error =
      message.status === "failed"
        ? [
            errorCard(`Broke off here. ${message.error ?? ""}`, [
              ["Retry", () => this.#actions.regenerate(id)],
            ]),
          ]
        : [];
    const branches = message.branches && branchWalk(message.branches, (node) => this.#actions.go(node));
    const ended = notes && h("span", { class: "nbp-note nbp-ended" }, icon("stop"), capitalised(notes));
    // What can be done with a turn stands below its last answer.
    if (message.open)
      return [...error, ended || branches ? h("div", { class: "nbp-line" }, ended, branches) : ""];
    return [
      ...error,
      h(
        "div",
        { class: "nbp-line" },
        ended,
        h(
          "div",
          { class: "nbp-actions", role: "group", "aria-label": "What can be done with this answer" },
          branches,
          copying,
          this.#likely.some(Boolean) && this.#toggle,
          iconButton("again", "Regenerate", () => this.#actions.regenerate(id)),
          iconButton("bin", "Delete this turn", () => this.#actions.drop(turn)),
        ),
        h("span", { class: "nbp-meter" }, meterText(message.meter, message.model)),
      ),
    ];
  }
}

function meterText(meter: Meter = {}, model?: string): string {
  const parts = [model];
  if (meter.first !== undefined) parts.push(`first token ${inSeconds(meter.first)}`);
  if (meter.tokens !== undefined) parts.push(`${meter.tokens} tokens`);
  if (meter.rate !== undefined) parts.push(`${Math.round(meter.rate)} tokens/s`);
  if (meter.cost) parts.push(money(meter.cost));
  return parts.filter(Boolean).join(" · ");
}

export function money(dollars: number): string {
  return `$${dollars < 0.01 ? dollars.toPrecision(2) : dollars.toFixed(2)}`;
}

function errorCard(text: string, buttons: [string, () => void][]): HTMLElement {
  return h(
    "div",
    { class: "nbp-error", role: "group", "aria-label": "Error" },
    h("p", {}, text),
    ...buttons.map(([label, onclick]) =>
      h("button", { type: "button", class: "nbp-text-button", onclick }, label),
    ),
  );
}

/** A sentence's first letter is large, but not that of a file's name. */
function capitalised(text: string): string {
  return text.replace(/^[a-z]+(?=[\s,;:]|$)/, (word) => word.charAt(0).toUpperCase() + word.slice(1));
}
