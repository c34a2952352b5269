/** Sets formulas in type, once their block will not change any more. Until then, and where it can't be, they stand as typed. */

import { evaluate } from "../cell/evaluate.ts";
import { formulaToSet } from "../markdown/formula.ts";
import { sanitizeFormula } from "../markdown/mathml.ts";
import type { SetInType } from "../maths/index.ts";
import { findAll } from "./element.ts";

/** How long a frame may set formulas before it lets the page go on. */
const SLICE_MS = 8;

export class Formulas {
  readonly #fetch: () => Promise<string>;
  readonly #tellDue: () => void;
  #code: "none" | "asked" | "refused" | SetInType = "none";
  #waiting: Element[] = [];
  /** What is too wide for its place, which changes, is scrolled with the keyboard as well. */
  readonly #widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });

  /** `fetch` gets the code that sets type, and is called once; `due` is called whenever something can be `set`. */
  constructor(fetch: () => Promise<string>, due: () => void) {
    this.#fetch = fetch;
    this.#tellDue = due;
  }

  /** Whether some can be set now. */
  get due(): boolean {
    return typeof this.#code === "function" && this.#waiting.length > 0;
  }

  /** Takes the formulas in `block`, or the one that it is. */
  add(block: Element): void {
    const found = findAll(block, ".nbchat-math");
    if (found.length === 0 || this.#code === "refused") return;
    this.#waiting.push(...found);
    if (this.#code === "none") void this.#load();
    else if (this.due) this.#tellDue();
  }

  /** Sets as many as a frame has time for. */
  set(): void {
    if (typeof this.#code !== "function") return;
    const end = performance.now() + SLICE_MS;
    let done = 0;
    for (const formula of this.#waiting) {
      const math = formula.isConnected ? setFormula(formula, this.#code) : null;
      if (math) this.#widths.observe(math);
      done += 1;
      if (performance.now() > end) break;
    }
    this.#waiting.splice(0, done);
    if (this.due) this.#tellDue();
  }

  async #load(): Promise<void> {
    this.#code = "asked";
    try {
      this.#code = (await evaluate(await this.#fetch())).default as SetInType;
      this.#tellDue();
    } catch (problem) {
      // The kernel is gone, or the page runs no code that came as text.
      console.warn("nbchat: formulas stay as they were typed.", problem);
      this.#code = "refused";
      this.#waiting = [];
    }
  }
}

/** Null for what can't be set, or would be more than a formula, which stays as it was typed, and for what is set already. */
function setFormula(element: Element, setInType: SetInType): Element | null {
  const formula = element.firstElementChild ? null : formulaToSet(element.textContent ?? "");
  if (!formula) return null;
  let made: HTMLSpanElement;
  try {
    made = setInType(formula.tex, formula.display);
  } catch {
    return null;
  }
  const math = sanitizeFormula(made) ? made.querySelector("math") : null;
  if (!math) return null;
  math.setAttribute("alttext", formula.tex.trim());
  element.replaceChildren(math);
  return math;
}

/** The text of what is shown, with formulas as they were typed: read sign after sign they would not be understood. */
export function spokenText(element: Element): string {
  const copy = element.cloneNode(true) as Element;
  for (const math of copy.querySelectorAll("math")) math.replaceWith(math.getAttribute("alttext") ?? "");
  return copy.textContent ?? "";
}
