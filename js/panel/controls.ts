/** The session's system message and request fields, live both ways. */

import type { Connection } from "./connection.ts";
import { Refused } from "./connection.ts";
import { h } from "./element.ts";
import { FieldControl } from "./fields.ts";

/** How long after the last key a system message counts as typed. */
const PAUSE_MS = 400;

export class ControlsView {
  readonly element: HTMLElement;
  readonly #connection: Connection;
  readonly #fields = new Map<string, FieldControl>();
  readonly #system = h("textarea", {
    class: "nbp-input",
    rows: 3,
    dir: "auto",
    placeholder: "none",
    "aria-label": "System message",
  });
  #typing: ReturnType<typeof setTimeout> | undefined;
  #models = "";

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    for (const field of connection.settings.fields) {
      this.#fields.set(field.name, new FieldControl(field, (value) => this.#set(field.name, value)));
    }
    this.#system.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#sendSystem(), PAUSE_MS);
    });
    this.#system.addEventListener("change", () => this.#sendSystem());
    const reset = h(
      "button",
      {
        type: "button",
        class: "nbp-text-button",
        title: "Send none of these fields but the model",
        onclick: () => void connection.request("reset", {}).catch(() => undefined),
      },
      "Reset all",
    );
    this.element = h(
      "div",
      { class: "nbp-controls" },
      h("label", { class: "nbp-system" }, h("span", {}, "system"), this.#system),
      ...[...this.#fields.values()].map((field) => field.element),
      reset,
    );
    // The endpoint is asked for its models when somebody wants to choose one, not before.
    this.#fields
      .get("model")
      ?.element.addEventListener(
        "focusin",
        () => void connection.request("models", {}).catch(() => undefined),
        { once: true },
      );
    signal.addEventListener("abort", () => clearTimeout(this.#typing));
    signal.addEventListener(
      "abort",
      connection.subscribe(() => this.show()),
    );
    this.show();
  }

  show(): void {
    const { parameters, system, about } = this.#connection.settings;
    for (const [name, field] of this.#fields) field.show(parameters[name] ?? null);
    if (this.#typing === undefined && this.#system.value !== system) this.#system.value = system;
    const models = JSON.stringify(about.models);
    if (models === this.#models) return;
    this.#models = models;
    const list = this.#fields.get("model")?.element.querySelector("datalist");
    list?.replaceChildren(...about.models.map((model) => h("option", { value: model })));
  }

  #sendSystem(): void {
    clearTimeout(this.#typing);
    this.#typing = undefined;
    if (this.#system.value !== this.#connection.settings.system)
      void this.#connection.request("system", { text: this.#system.value }).catch(() => undefined);
  }

  async #set(name: string, value: unknown): Promise<string | null> {
    try {
      await this.#connection.request("set", { name, value });
      return null;
    } catch (problem) {
      if (problem instanceof Refused) return problem.message;
      throw problem;
    }
  }
}
