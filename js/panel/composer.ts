/** Where questions are typed: it grows, remembers the last question, and is never in the way of an answer that streams. */

import type { Attachments, Item } from "./attachments.ts";
import { h, icon } from "./element.ts";

export interface Composing {
  /** With `raw` double braces are text. False where it was refused. */
  send(text: string, attached: readonly Item[], raw: boolean): Promise<boolean>;
  say(text: string): void;
  stop(): void;
  /** The last question, for the arrow up. */
  recall(): string | undefined;
  /** The notebook's names that begin so. */
  complete(start: string): Promise<string[]>;
  changed(text: string): void;
}

/** A name that is being typed in double braces, at the end of what stands before the cursor. */
const NAME = /\{\{[^{}]*?([A-Za-z_]\w*)$/;

export class Composer {
  readonly element: HTMLElement;
  readonly #doing: Composing;
  readonly #attachments: Attachments;
  readonly #area = h("textarea", {
    class: "nbp-input",
    rows: 1,
    dir: "auto",
    placeholder: "Ask anything",
    "aria-label": "Your question",
    "aria-autocomplete": "list",
  });
  readonly #attach: HTMLButtonElement;
  readonly #send: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #names = h("ul", { class: "nbp-names", role: "listbox", "aria-label": "Variables", hidden: true });
  #picked = 0;

  /** With what shows the attachments, and with what is pressed to attach more. */
  constructor(doing: Composing, attachments: Attachments, chips: HTMLElement, attach: HTMLButtonElement) {
    this.#doing = doing;
    this.#attachments = attachments;
    this.#attach = attach;
    const names = `nbp-names-${Math.random().toString(36).slice(2)}`;
    this.#names.id = names;
    this.#area.setAttribute("aria-controls", names);
    this.#send = h(
      "button",
      { type: "submit", class: "nbp-send", title: "Send (Enter)", "aria-label": "Send" },
      icon("send"),
    );
    this.#stop = h(
      "button",
      {
        type: "button",
        class: "nbp-send nbp-stop",
        title: "Stop (Esc)",
        "aria-label": "Stop",
        hidden: true,
        onclick: () => doing.stop(),
      },
      icon("stop"),
    );
    this.element = h(
      "form",
      {
        class: "nbp-composer",
        onsubmit: (event: Event) => {
          event.preventDefault();
          void this.submit();
        },
      },
      this.#names,
      chips,
      attach,
      this.#area,
      this.#stop,
      this.#send,
    );
    this.#area.addEventListener("keydown", (event) => this.#pressed(event));
    this.#area.addEventListener("input", () => this.#typed());
    this.#area.addEventListener("blur", () => this.#closeNames());
    attachments.subscribe(() => this.#showSize());
    this.#showSize();
  }

  get text(): string {
    return this.#area.value;
  }

  set text(text: string) {
    this.#area.value = text;
    this.#typed();
    this.#area.focus();
  }

  focus(): void {
    this.#area.focus();
  }

  /** Shows whether there is something to stop, and whether anybody is there to ask. */
  show(running: boolean, gone: boolean): void {
    this.#stop.hidden = !running || gone;
    this.#area.disabled = gone;
    this.#attach.disabled = gone;
    this.#showSize();
  }

  /** Sends what is typed; with `raw` double braces are text. */
  async submit(raw = false): Promise<void> {
    const { text } = this;
    const unready = this.#unready();
    if (unready) this.#doing.say(unready);
    if (unready || this.#isEmpty) return;
    this.#closeNames();
    this.#area.value = "";
    const attached = this.#attachments.take();
    this.#showSize();
    if (await this.#doing.send(text, attached, raw)) return;
    // What was refused comes back, unless something else has been typed meanwhile.
    this.#attachments.putBack(attached);
    if (!this.text) this.text = text;
  }

  get #isEmpty(): boolean {
    return !this.text.trim() && this.#attachments.state === null;
  }

  /** Why a question waits: none goes without what its reader sees beside it. */
  #unready(): string {
    const { state } = this.#attachments;
    if (state === "busy") return "The attached files are still on their way.";
    return state === "failed" ? "Remove what could not be attached, or try it again, before you send." : "";
  }

  #pressed(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const open = !this.#names.hidden;
    const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      this.#pick(this.#picked + (event.key === "ArrowDown" ? 1 : -1));
    } else if (open && plain && (event.key === "Enter" || event.key === "Tab")) {
      this.#take();
    } else if (event.key === "Escape") {
      if (open) this.#closeNames();
      else this.#doing.stop();
    } else if (event.key === "Enter" && (plain || event.ctrlKey || event.metaKey)) {
      void this.submit();
    } else if (event.key === "ArrowUp" && !this.text) {
      const last = this.#doing.recall();
      if (last === undefined) return;
      this.text = last;
    } else {
      return;
    }
    event.preventDefault();
  }

  #typed(): void {
    this.#showSize();
    this.#doing.changed(this.text);
    const start = this.#start();
    if (start === null) {
      this.#closeNames();
      return;
    }
    void this.#doing
      .complete(start)
      .then((names) => this.#start() === start && this.#openNames(names, start));
  }

  #start(): string | null {
    return NAME.exec(this.text.slice(0, this.#area.selectionStart))?.[1] ?? null;
  }

  #openNames(names: string[], start: string): void {
    const fitting = names.filter((name) => name !== start).slice(0, 8);
    this.#names.replaceChildren(
      ...fitting.map((name, at) =>
        h(
          "li",
          {
            role: "option",
            id: `${this.#names.id}-${at}`,
            // Before the text loses the focus, and with it the list.
            onmousedown: (event: MouseEvent) => {
              event.preventDefault();
              this.#pick(at);
              this.#take();
            },
          },
          name,
        ),
      ),
    );
    this.#names.hidden = fitting.length === 0;
    this.#pick(0);
  }

  #pick(at: number): void {
    const options = [...this.#names.children];
    if (options.length === 0) return;
    this.#picked = (at + options.length) % options.length;
    options.forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.#picked));
    });
    this.#area.setAttribute("aria-activedescendant", options[this.#picked]?.id ?? "");
  }

  #take(): void {
    const name = this.#names.children[this.#picked]?.textContent ?? "";
    const start = this.#start() ?? "";
    const at = this.#area.selectionStart;
    const closed = this.text.slice(at).startsWith("}}");
    this.#area.setRangeText(name.slice(start.length) + (closed ? "" : "}}"), at, at, "end");
    if (closed) this.#area.setSelectionRange(this.#area.selectionStart + 2, this.#area.selectionStart + 2);
    this.#closeNames();
    this.#doing.changed(this.text);
    this.#showSize();
  }

  #closeNames(): void {
    this.#names.hidden = true;
    this.#area.removeAttribute("aria-activedescendant");
  }

  #showSize(): void {
    this.#send.disabled = this.#isEmpty || this.#unready() !== "" || this.#area.disabled;
    this.#area.style.height = "auto";
    if (this.#area.scrollHeight) this.#area.style.height = `${this.#area.scrollHeight + 2}px`;
  }
}
