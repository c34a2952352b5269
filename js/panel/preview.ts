/** The request that would be sent next, to be read and copied: as JSON, as curl, as Python. */

import { highlight } from "../markdown/highlight.ts";
import { sanitize } from "../markdown/sanitize.ts";
import type { Connection } from "./connection.ts";
import { Refused } from "./connection.ts";
import { copy, h, iconButton } from "./element.ts";
import type { Requests } from "./protocol.ts";

const FORMS = { json: "JSON", curl: "curl", python: "Python" } as const;
const LANGUAGES = { json: "json", curl: "bash", python: "python" } as const;
type Form = keyof typeof FORMS;
type Draft = { text: string; files: string[] };
const PAUSE_MS = 250;

export class PreviewView {
  readonly element: HTMLElement;
  readonly #connection: Connection;
  readonly #draft: () => Draft;
  readonly #code = h("code");
  readonly #tabs = new Map<Form, HTMLButtonElement>();
  #form: Form = "json";
  #texts: Requests["preview"][1] | null = null;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: Connection, draft: () => Draft, signal: AbortSignal) {
    this.#connection = connection;
    this.#draft = draft;
    for (const form of Object.keys(FORMS) as Form[]) {
      this.#tabs.set(
        form,
        h("button", { type: "button", role: "tab", onclick: () => this.#choose(form) }, FORMS[form]),
      );
    }
    const copying = iconButton("copy", "Copy this request", () => void this.#copy(copying));
    const tabs = h(
      "div",
      { class: "nbp-tabs", role: "tablist", "aria-label": "Form of the request" },
      ...this.#tabs.values(),
    );
    tabs.addEventListener("keydown", (event) => {
      const forms = [...this.#tabs.keys()];
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      const next = forms[(forms.indexOf(this.#form) + step + forms.length) % forms.length];
      if (!step || !next) return;
      this.#choose(next);
      this.#tabs.get(next)?.focus();
    });
    this.element = h(
      "div",
      { class: "nbp-preview nbchat-answer", hidden: true },
      h("div", { class: "nbp-line" }, tabs, copying),
      h("pre", { tabindex: 0, role: "tabpanel", "aria-label": "The next request" }, this.#code),
    );
    const later = () => this.refresh();
    signal.addEventListener("abort", connection.subscribe(later));
    signal.addEventListener(
      "abort",
      connection.transcript.subscribe((change) => change.kind === "items" && later()),
    );
    signal.addEventListener("abort", () => clearTimeout(this.#waiting));
    this.#choose("json");
  }

  /** Asks for the request anew, soon, if anybody looks at it. */
  refresh(): void {
    if (this.element.hidden) return;
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => void this.#ask(), PAUSE_MS);
  }

  async #ask(): Promise<void> {
    try {
      this.#texts = await this.#connection.request("preview", this.#draft());
    } catch (problem) {
      this.#texts = null;
      this.#code.textContent = problem instanceof Refused ? problem.message : "";
      return;
    }
    this.#draw();
  }

  /** Copies what can be run: the data of pictures, which is shown in a few words, is asked for. */
  async #copy(button: HTMLElement): Promise<void> {
    const form = this.#form;
    try {
      const texts = this.#texts?.shortened
        ? await this.#connection.request("preview", { ...this.#draft(), whole: true })
        : this.#texts;
      await copy(texts?.[form] ?? "", button);
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      this.#code.textContent = problem.message;
    }
  }

  #choose(form: Form): void {
    this.#form = form;
    for (const [name, tab] of this.#tabs) {
      tab.setAttribute("aria-selected", String(name === form));
      tab.tabIndex = name === form ? 0 : -1;
    }
    this.#draw();
  }

  #draw(): void {
    const text = this.#texts?.[this.#form] ?? "";
    const coloured = highlight(text, LANGUAGES[this.#form]);
    this.#code.replaceChildren(coloured === null ? text : sanitize(coloured));
  }
}
