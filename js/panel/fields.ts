/** One control for one request field: how it shows a value, and how it tells another. */

import { h, iconButton } from "./element.ts";
import type { Field } from "./protocol.ts";

/** Sets the field, or unsets it with null. Resolves to the reason where it was refused. */
export type Setter = (value: unknown) => Promise<string | null>;

/** The part of a control that differs from kind to kind. */
interface Input {
  element: HTMLElement;
  /** What a label points to. */
  target: HTMLElement;
  show(value: unknown): void;
}

type MakeInput = (field: Field, set: (value: unknown) => void) => Input;

let count = 0;

export class FieldControl {
  readonly element: HTMLElement;
  readonly #set: Setter;
  readonly #input: Input;
  readonly #problem = h("p", { class: "nbp-problem", role: "alert" });
  readonly #off: HTMLButtonElement;
  #value: unknown = null;
  /** What is still to be sent, one at a time: a slider moves faster than a kernel answers. */
  #next: { value: unknown } | null = null;
  #sending = false;

  constructor(field: Field, set: Setter) {
    count += 1;
    const id = `nbp-field-${count}`;
    this.#set = set;
    this.#input = makeInput(field)(field, (value) => this.#send(value));
    this.#input.target.id = id;
    this.#input.target.setAttribute("aria-describedby", `${id}-help`);
    this.#off = iconButton("close", `Do not send ${field.name}`, () => this.#send(null));
    this.#problem.id = `${id}-problem`;
    this.element = h(
      "div",
      { class: `nbp-field nbp-field-${field.control}`, "data-field": field.name, title: field.help },
      h("label", { for: id }, field.name),
      this.#off,
      this.#input.element,
      h("span", { class: "nbchat-spoken", id: `${id}-help` }, field.help),
      this.#problem,
    );
    this.show(null);
  }

  /** Shows the value that Python has, unless one of ours is on its way. */
  show(value: unknown): void {
    this.#value = value ?? null;
    if (!this.#sending) this.#draw(this.#value);
  }

  #draw(value: unknown): void {
    this.element.classList.toggle("nbp-off", value === null);
    this.#off.hidden = value === null;
    this.#input.show(value);
  }

  #send(value: unknown): void {
    this.#next = { value };
    this.element.classList.toggle("nbp-off", value === null);
    this.#off.hidden = value === null;
    if (value === null) this.#input.show(null);
    if (!this.#sending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#next) {
      const { value } = this.#next;
      this.#next = null;
      const problem = await this.#set(value);
      this.#problem.textContent = problem ?? "";
      this.#input.target.toggleAttribute("aria-invalid", problem !== null);
    }
    this.#sending = false;
    if (!this.#problem.textContent) this.#draw(this.#value);
    else this.element.classList.toggle("nbp-off", this.#value === null);
  }
}

function makeInput(field: Field): MakeInput {
  if (field.control === "slider" || field.control === "number") return slider;
  if (field.control === "tags") return tags;
  return field.choices.length > 0 ? choice : text;
}

const slider: MakeInput = (field, set) => {
  const [low, high] = field.reach;
  const step = field.step ?? 1;
  const range = h("input", {
    type: "range",
    min: low ?? 0,
    max: high ?? 100,
    step,
    "aria-label": `${field.name}, slider`,
  });
  const box = h("input", {
    type: "number",
    min: field.low,
    max: field.high,
    step: step < 1 ? "any" : step,
    placeholder: "off",
  });
  const start = String(field.start ?? low ?? 0);
  range.addEventListener("input", () => {
    box.value = range.value;
    set(Number(range.value));
  });
  let shown = "";
  box.addEventListener("change", () => {
    if (box.validity.badInput) {
      box.value = shown;
      return;
    }
    if (box.value === "") {
      set(null);
      return;
    }
    range.value = box.value;
    set(Number(box.value));
  });
  return {
    element: h("div", { class: "nbp-slider" }, range, box),
    target: box,
    show(value) {
      range.value = value === null ? start : String(value);
      shown = value === null ? "" : String(value);
      if (box.value !== shown) box.value = shown;
      range.style.setProperty(
        "--nbp-part",
        String((Number(range.value) - Number(range.min)) / (Number(range.max) - Number(range.min))),
      );
    },
  };
};

const text: MakeInput = (field, set) => {
  const id = `nbp-list-${count}`;
  const input = h("input", {
    type: "text",
    list: id,
    placeholder: "off",
    spellcheck: "false",
    autocomplete: "off",
  });
  input.addEventListener("change", () => set(input.value.trim() || null));
  const list = h("datalist", { id });
  return {
    element: h("div", { "data-list": field.name }, input, list),
    target: input,
    show(value) {
      if (document.activeElement !== input) input.value = value === null ? "" : String(value);
    },
  };
};

const choice: MakeInput = (field, set) => {
  const select = h("select");
  const chosen = () => (field.control === "switch" ? select.value === "true" : select.value);
  select.addEventListener("change", () => set(select.value ? chosen() : null));
  return {
    element: select,
    target: select,
    show(value) {
      const other = typeof value === "object" && value !== null ? JSON.stringify(value) : value;
      const known = other === null || field.choices.includes(String(other)) ? [] : [String(other)];
      select.replaceChildren(
        h("option", { value: "" }, "not sent"),
        ...[...field.choices, ...known].map((name) => h("option", { value: name }, name)),
      );
      select.value = other === null ? "" : String(other);
    },
  };
};

/** Texts, each with a button that takes it out, and a box for one more. */
const tags: MakeInput = (field, set) => {
  let values: string[] = [];
  const list = h("ul", { class: "nbp-tags" });
  const input = h("input", { type: "text", placeholder: "add one, then Enter", spellcheck: "false" });
  const put = (next: string[]) => set(next.length > 0 ? next : null);
  const add = () => {
    // Typed as in code: "\n" ends the answer at a line's end.
    const typed = input.value.replaceAll("\\n", "\n").replaceAll("\\t", "\t");
    input.value = "";
    if (typed && !values.includes(typed)) put([...values, typed]);
  };
  input.addEventListener("change", add);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !input.value && values.length > 0) put(values.slice(0, -1));
  });
  return {
    element: h("div", {}, list, input),
    target: input,
    show(value) {
      values = value === null ? [] : Array.isArray(value) ? value.map(String) : [String(value)];
      list.hidden = values.length === 0;
      list.replaceChildren(
        ...values.map((one) => {
          const shown = JSON.stringify(one).slice(1, -1);
          const remove = iconButton("close", `Take ${shown} out of ${field.name}`, () =>
            put(values.filter((other) => other !== one)),
          );
          return h("li", {}, h("code", {}, shown), remove);
        }),
      );
    },
  };
};
