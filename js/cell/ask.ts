/** Two buttons beside a call that asks to be allowed: they say in the cell's own box what could be typed there. */

import { enter } from "./prompt.ts";

export class AskButtons {
  readonly element = document.createElement("span");
  #question = "";

  constructor() {
    this.element.className = "nbchat-ask";
    this.element.dataset.lmSuppressShortcuts = "true";
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", "May it be called?");
    this.element.hidden = true;
  }

  /** Shows them for a question, or hides them. */
  show(question: string): void {
    if (question === this.#question) return;
    this.#question = question;
    this.element.hidden = !question;
    const buttons = [" ", this.#button("Allow", "y"), " ", this.#button("Don't allow", "n")];
    this.element.replaceChildren(...(question ? buttons : []));
  }

  #button(label: string, line: string): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "jp-Button jp-mod-styled";
    button.textContent = label;
    button.addEventListener("click", () => {
      // A page that was loaded again has the box no more: JupyterLab asks once.
      if (!enter(this.element, this.#question, line))
        this.element.textContent = " (answer it in the chat panel)";
    });
    return button;
  }
}
