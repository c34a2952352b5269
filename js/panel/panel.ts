/** The panel: head, messages, composer, status, and a drawer with the controls and the next request. */

import { enter } from "../cell/prompt.ts";
import type { Actions } from "./actions.ts";
import { Attachments, type Item } from "./attachments.ts";
import { ChipsView } from "./chips.ts";
import { Composer } from "./composer.ts";
import { type Connection, Refused } from "./connection.ts";
import { ControlsView } from "./controls.ts";
import { h, iconButton } from "./element.ts";
import { attachButton, takeDropped, takePasted } from "./intake.ts";
import { MessagesView } from "./messages.ts";
import type { Notebook } from "./notebook.ts";
import { PreviewView } from "./preview.ts";
import type { Requests } from "./protocol.ts";
import { StatusView } from "./status.ts";
import { isRunning } from "./transcript.ts";

/** How long Stop waits for its message to be heard before it goes by the control channel. */
const HEARD_MS = 250;
/** How long before the reader is told that the kernel hears nothing. */
const DEAF_MS = 2500;

export class PanelView {
  readonly #connection: Connection;
  readonly #notebook: Notebook;
  readonly #root = h("section", {
    class: "nbp",
    "data-lm-suppress-shortcuts": true,
    "data-jp-suppress-context-menu": true,
  });
  readonly #said = h("p", { class: "nbp-said", role: "status" });
  readonly #status = new StatusView();
  readonly #composer: Composer;
  readonly #preview: PreviewView;
  readonly #messages: MessagesView;
  readonly #controls: ControlsView;
  readonly #drawer: HTMLElement;
  readonly #buttons: Record<"controls" | "preview", HTMLButtonElement>;
  readonly #title = h("h2");
  readonly #attachments: Attachments;
  /** What was asked here, by the turn that it became. */
  readonly #asked = new Map<string, { text: string; files: File[] }>();

  constructor(connection: Connection, notebook: Notebook, el: HTMLElement, signal: AbortSignal) {
    this.#connection = connection;
    this.#notebook = notebook;
    const actions = this.#actions();
    this.#attachments = new Attachments(connection);
    const chips = new ChipsView(this.#attachments, () => this.#composer.focus(), signal);
    this.#composer = new Composer(
      {
        send: (text, attached, raw) => this.#ask(text, attached, raw),
        say: actions.say,
        stop: () => actions.stop(),
        recall: () => connection.transcript.lastQuestion(),
        complete: (text) => connection.request("complete", { text }).catch(() => []),
        changed: () => this.#preview.refresh(),
      },
      this.#attachments,
      chips.element,
      attachButton((files) => this.#attach(files)),
    );
    const draft = () => ({ text: this.#composer.text, files: this.#attachments.ids });
    this.#preview = new PreviewView(connection, draft, signal);
    this.#controls = new ControlsView(connection, signal);
    this.#messages = new MessagesView(connection, actions, this.#starters(), signal);
    this.#buttons = {
      controls: iconButton("sliders", "Controls", () => this.#toggle("controls")),
      preview: iconButton("braces", "Show the next request", () => this.#toggle("preview")),
    };
    this.#drawer = h(
      "aside",
      { class: "nbp-drawer", "aria-label": "Settings", hidden: true },
      this.#controls.element,
      this.#preview.element,
    );
    const name = connection.settings.name;
    this.#title.textContent = name;
    this.#root.setAttribute("aria-label", `Chat: ${name}`);
    this.#root.append(
      h(
        "header",
        { class: "nbp-head" },
        this.#title,
        iconButton("undo", "Take the last turn back", () => void this.#try("clear", { undo: true })),
        iconButton("plus", "New conversation", () => void this.#try("clear", {})),
        this.#buttons.preview,
        this.#buttons.controls,
      ),
      h("div", { class: "nbp-main" }, this.#messages.element, this.#drawer),
      this.#said,
      this.#composer.element,
      this.#status.element,
    );
    el.append(this.#root);
    this.#keepKeys(signal);
    takePasted(this.#root, (files) => this.#attach(files));
    takeDropped(this.#root, (files) => this.#attach(files));
    this.#attachments.subscribe(() => this.#preview.refresh());
    signal.addEventListener("abort", () => this.#attachments.clear());
    const show = () => this.#show();
    signal.addEventListener("abort", connection.subscribe(show));
    signal.addEventListener(
      "abort",
      connection.transcript.subscribe((change) => {
        if (change.kind === "items") show();
        // A cell that asks the same asks no more: JupyterLab runs no other cell as long as it does.
        if (change.kind === "answered") enter(this.#root, change.question, "");
      }),
    );
    this.#toggle(null);
    show();
    queueMicrotask(() => this.#messages.toEnd());
  }

  #show(): void {
    const { transcript, gone } = this.#connection;
    this.#status.show(this.#connection);
    this.#composer.show(transcript.turns.some(isRunning), gone);
    this.#root.classList.toggle("nbp-gone", gone);
    if (gone) this.#say("The kernel is gone. The conversation stays readable; run the cell again to go on.");
  }

  #attach(files: File[]): void {
    if (this.#connection.gone) return;
    this.#attachments.add(files);
    this.#composer.focus();
  }

  #toggle(which: "controls" | "preview" | null): void {
    const panes = { controls: this.#controls.element, preview: this.#preview.element };
    const open = which !== null && (this.#drawer.hidden || panes[which].hidden) ? which : null;
    this.#drawer.hidden = open === null;
    for (const name of ["controls", "preview"] as const) {
      panes[name].hidden = name !== open;
      this.#buttons[name].setAttribute("aria-pressed", String(name === open));
    }
    this.#preview.refresh();
  }

  /** What is pressed in here is meant for here: no key runs a cell, deletes one, or leaves it. */
  #keepKeys(signal: AbortSignal): void {
    for (const event of ["keydown", "keypress", "keyup", "paste", "copy", "cut"] as const)
      this.#root.addEventListener(event, (pressed) => pressed.stopPropagation(), { signal });
    this.#root.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        if (!this.#drawer.hidden && this.#drawer.contains(event.target as Node)) {
          this.#toggle(null);
          this.#composer.focus();
        } else {
          this.#stop();
        }
      },
      { signal },
    );
  }

  #starters(): HTMLElement {
    const { starters } = this.#connection.settings;
    return h(
      "div",
      { class: "nbp-empty" },
      h(
        "p",
        {},
        "Ask a question, or begin with one of these. ",
        h("code", {}, "{{name}}"),
        " puts in a variable.",
      ),
      ...starters.map((text) =>
        h(
          "button",
          { type: "button", class: "nbp-starter", onclick: () => void this.#actions().ask(text) },
          text,
        ),
      ),
    );
  }

  #actions(): Actions {
    const attempt = (name: keyof Requests, fields: object) => void this.#try(name, fields as never);
    return {
      ask: (text, attached = []) => this.#ask(text, attached),
      edit: (node, text) => this.#edit(node, text),
      regenerate: (node) => attempt("regenerate", { node }),
      retry: (turn) => attempt("retry", { turn }),
      dismiss: (turn) => attempt("dismiss", { turn }),
      stop: (turn) => this.#stop(turn),
      approve: (turn, call, allowed) => attempt("approve", { turn, call, allowed }),
      media: (node, call) => this.#connection.request("media", { node, call }).catch(() => []),
      go: (node) => attempt("go", { node }),
      drop: (turn) => attempt("drop", { turn }),
      probabilities: (node, start) => this.#try("probabilities", { node, start }),
      say: (text) => this.#say(text),
      insertCell: (code) => this.#notebook.insertCell(code),
    };
  }

  async #ask(text: string, attached: readonly Item[], raw = false): Promise<boolean> {
    const before = [...this.#asked.keys()];
    const answer = await this.#try("ask", { text, files: attached.map(({ id }) => id), raw });
    if (answer === null) {
      if (!raw) this.#offerRaw(text, () => void this.#composer.submit(true));
      return false;
    }
    if (answer.notice) this.#say(answer.notice);
    // Only what waits can be taken back: the rest, and with it whole files, is forgotten.
    const waiting = new Set(this.#waiting());
    for (const turn of before) if (!waiting.has(turn)) this.#asked.delete(turn);
    this.#asked.set(answer.turn, { text, files: attached.map(({ file }) => file) });
    this.#messages.toEnd();
    return true;
  }

  async #edit(node: string, text: string, raw = false): Promise<boolean> {
    const done = (await this.#try("edit", { node, text, raw })) !== null;
    if (!done && !raw) this.#offerRaw(text, () => void this.#edit(node, text, true));
    return done;
  }

  /** Where a value could not be put in, the braces may have been meant as text. */
  #offerRaw(text: string, send: () => void): void {
    if (!text.includes("{{")) return;
    const button = h("button", { type: "button", class: "nbp-text-button", onclick: send }, "Send as typed");
    this.#said.lastElementChild?.before(" ", button);
  }

  /** The turns that were asked and have not begun. */
  #waiting(): string[] {
    return this.#connection.transcript.turns.filter(({ state }) => state === "queued").map(({ id }) => id);
  }

  /** Null, and the reason said, where it was refused. */
  async #try<Name extends keyof Requests>(
    name: Name,
    fields: Requests[Name][0],
  ): Promise<Requests[Name][1] | null> {
    this.#say("");
    try {
      return await this.#connection.request(name, fields);
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      this.#say(problem.message);
      return null;
    }
  }

  /** By message, which a running cell may hold up; then by the control channel; at last the reader is told what is left. */
  #stop(turn?: string): void {
    const { transcript } = this.#connection;
    if (!transcript.turns.some(isRunning) || this.#connection.gone) return;
    if (turn === undefined) this.#takeBack();
    let heard = false;
    this.#connection.request("stop", turn === undefined ? {} : { turn }).then(
      () => {
        heard = true;
      },
      () => undefined,
    );
    setTimeout(() => {
      if (heard) return;
      void this.#notebook.stopPastTheCell(turn).then((done) => {
        heard ||= done;
      });
      setTimeout(() => {
        if (!heard)
          this.#say(
            "This kernel hears nothing while a cell runs: interrupt it with the notebook's ■ to stop.",
          );
      }, DEAF_MS - HEARD_MS);
    }, HEARD_MS);
  }

  /** Questions that were typed ahead and not asked yet come back to where they were typed. */
  #takeBack(): void {
    const asked = this.#waiting().flatMap((turn) => this.#asked.get(turn) ?? []);
    if (asked.length === 0 || this.#composer.text || this.#attachments.state) return;
    this.#composer.text = asked.map(({ text }) => text).join("\n\n");
    this.#attachments.add(asked.flatMap(({ files }) => files));
  }

  #say(text: string): void {
    this.#said.replaceChildren(
      ...(text ? [text, iconButton("close", "Close this message", () => this.#said.replaceChildren())] : []),
    );
  }
}
