/** One question of the reader's, and the way to ask it differently. */

import type { Actions } from "./actions.ts";
import { copy, h, icon, iconButton } from "./element.ts";
import { mediaList } from "./media.ts";
import type { Medium, Message, Turn } from "./protocol.ts";

export class QuestionView {
  readonly element = h("article", { class: "nbp-question", "aria-label": "Question" });
  readonly #actions: Actions;
  readonly #text = h("div", { class: "nbp-bubble", dir: "auto" });
  readonly #foot = h("div", { class: "nbp-line" });
  #media = mediaList([]);

  constructor(actions: Actions) {
    this.#actions = actions;
    this.element.append(this.#media, this.#text, this.#foot);
  }

  showTurn(turn: Turn): void {
    this.#show(turn.question ?? "", turn.media);
    const queued = turn.state === "queued";
    this.element.classList.toggle("nbp-queued", queued);
    const remove = iconButton("close", "Take this question back", () => this.#actions.stop(turn.id));
    this.#foot.replaceChildren(...(queued ? [h("span", { class: "nbp-note" }, "Queued"), remove] : []));
  }

  showMessage(message: Message): void {
    const { id, text = "", turn, media = [], tokens } = message;
    this.element.classList.remove("nbp-queued");
    this.#show(text, media);
    const copying = iconButton("copy", "Copy question", () => void copy(text, copying));
    this.#foot.replaceChildren(
      tokens ? h("span", { class: "nbp-note" }, `≈ ${tokens.toLocaleString("en")} tokens`) : "",
      h(
        "div",
        { class: "nbp-actions", role: "group", "aria-label": "What can be done with this question" },
        message.branches && branchWalk(message.branches, (node) => this.#actions.go(node)),
        copying,
        iconButton("edit", "Edit and ask again", () => this.#edit(id, text)),
        iconButton("bin", "Delete this turn", () => this.#actions.drop(turn)),
      ),
    );
  }

  #show(text: string, media: readonly Medium[]): void {
    this.#text.textContent = text;
    this.#text.hidden = !text;
    const list = mediaList(media);
    this.#media.replaceWith(list);
    this.#media = list;
  }

  #edit(node: string, text: string): void {
    const area = h("textarea", {
      class: "nbp-input",
      "aria-label": "Edit the question",
      rows: 3,
      dir: "auto",
    });
    area.value = text;
    const close = () => {
      form.replaceWith(this.#text);
      this.#foot.hidden = false;
    };
    const send = async () => {
      const empty = !area.value.trim() && this.#media.hidden;
      if (empty || (await this.#actions.edit(node, area.value))) close();
    };
    const form = h(
      "div",
      {
        class: "nbp-edit",
        onkeydown: (event: KeyboardEvent) => {
          if (event.key === "Escape") close();
          else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) void send();
          else return;
          event.preventDefault();
          event.stopPropagation();
        },
      },
      area,
      h("button", { type: "button", class: "nbp-text-button", onclick: close }, "Cancel"),
      h(
        "button",
        { type: "button", class: "nbp-text-button nbp-primary", onclick: () => void send() },
        "Ask again",
      ),
    );
    this.#text.replaceWith(form);
    this.#foot.hidden = true;
    area.focus();
    area.setSelectionRange(text.length, text.length);
  }
}

/** ‹ 2/3 › */
export function branchWalk(
  { at, ids }: { at: number; ids: string[] },
  go: (node: string) => void,
): HTMLElement {
  const step = (to: number, name: "left" | "right", label: string) => {
    const node = ids[to];
    const button = iconButton(name, label, () => node && go(node));
    button.disabled = node === undefined;
    return button;
  };
  return h(
    "span",
    { class: "nbp-branches", role: "group", "aria-label": `Branch ${at + 1} of ${ids.length}` },
    step(at - 1, "left", "Previous branch"),
    h("span", {}, `${at + 1}/${ids.length}`),
    step(at + 1, "right", "Next branch"),
  );
}

/** Anything that is neither a question nor an answer: what a tool gave, what a developer said. */
export class OtherView {
  readonly element = h("details", { class: "nbp-call" });

  showMessage(message: Message): void {
    const name = message.role === "tool" ? "A tool answered" : message.role;
    this.element.replaceChildren(h("summary", {}, icon("braces"), name), h("pre", {}, message.text ?? ""));
  }
}
