/**
 * Lets the reader go on from another of several answers, below each of them, as long as the kernel has the conversation.
 *
 * What a finished cell shows is the notebook's own Markdown, drawn anew whenever the notebook likes. An element of our own
 * name round the answers tells that they are in the page; elsewhere the name means nothing, and they are as they are.
 */

import { listen, type Model } from "./anywidget.ts";
import { whenKernelEnds } from "./kernel.ts";

const NAME = "nbchat-choices";

/** What Python says of a turn: which of its answers the conversation goes on from, or why that can't be told or changed. */
interface Told {
  type: string;
  turn: string;
  chosen?: number | null;
  refused?: string;
}

/** Those that are in the page, and the kernels that may know them: one for all builds of this code. */
interface Page {
  readonly shown: Set<HTMLElement>;
  readonly kernels: Set<(shown: HTMLElement) => void>;
}

const KEY = Symbol.for("nbchat.choices");

function page(): Page {
  const all = globalThis as unknown as { [KEY]?: Page };
  all[KEY] ??= { shown: new Set(), kernels: new Set() };
  return all[KEY];
}

/** Answers for the kernel of this model until the signal says that it is gone. */
export function serveChoices(model: Model, signal: AbortSignal): void {
  define();
  const { shown, kernels } = page();
  let gone = false;
  const ask = (turn: string, choose?: number) => {
    model.send({ type: "choices", turn, ...(choose === undefined ? {} : { choose }) });
  };
  const meet = (element: HTMLElement) => ask(turnOf(element));
  const mine = new Map<string, (choice: number) => void>();
  const hear = (message: unknown) => {
    const told = message as Told;
    if (told.type !== "choices" || gone) return;
    // Of what another kernel shows this one knows nothing, and has nothing to say.
    if (told.refused !== undefined && !mine.has(told.turn)) return;
    const choose = mine.get(told.turn) ?? ((choice: number) => ask(told.turn, choice));
    mine.set(told.turn, choose);
    for (const element of shown) if (turnOf(element) === told.turn) draw(element, told, choose);
  };
  const leave = () => {
    gone = true;
    kernels.delete(meet);
    for (const element of shown) if (mine.has(turnOf(element))) clear(element);
  };
  listen(model, signal, { "msg:custom": hear, "comm:close": leave, comm_live_update: leave });
  whenKernelEnds(model, leave, signal);
  signal.addEventListener("abort", leave);
  kernels.add(meet);
  for (const element of shown) meet(element);
}

function define(): void {
  if (customElements.get(NAME)) return;
  customElements.define(
    NAME,
    class extends HTMLElement {
      connectedCallback(): void {
        page().shown.add(this);
        for (const meet of page().kernels) meet(this);
      }

      disconnectedCallback(): void {
        page().shown.delete(this);
      }
    },
  );
}

function turnOf(element: HTMLElement): string {
  return element.getAttribute("turn") ?? "";
}

function draw(element: HTMLElement, { chosen, refused }: Told, choose: (choice: number) => void): void {
  const focused = columns(element).findIndex((column) => column.contains(document.activeElement));
  if (refused === undefined) {
    clear(element);
    columns(element).forEach((column, at) => {
      column.append(at === chosen ? goesOn() : button(at, () => choose(at)));
    });
  } else {
    for (const pressed of element.querySelectorAll("[aria-disabled]"))
      pressed.removeAttribute("aria-disabled");
    element.querySelector(".nbchat-refused")?.remove();
    const reason = document.createElement("p");
    reason.className = "nbchat-go-on nbchat-refused";
    reason.setAttribute("role", "alert");
    reason.textContent = refused;
    element.append(reason);
  }
  // The button that was pressed is no more; what stands in its place says what came of it.
  const place = columns(element)[focused]?.querySelector<HTMLElement>(".nbchat-go-on");
  if (place) (place.querySelector("button") ?? place).focus();
}

function columns(element: HTMLElement): HTMLElement[] {
  return [...element.querySelectorAll<HTMLElement>(":scope > .nbchat-row > .nbchat-column")];
}

function clear(element: HTMLElement): void {
  for (const old of element.querySelectorAll(".nbchat-go-on")) old.remove();
}

function goesOn(): HTMLElement {
  const here = document.createElement("p");
  here.className = "nbchat-go-on";
  here.tabIndex = -1;
  here.textContent = "The conversation goes on from here";
  return here;
}

function button(at: number, choose: () => void): HTMLElement {
  const line = document.createElement("p");
  const made = document.createElement("button");
  line.className = "nbchat-go-on";
  made.type = "button";
  made.textContent = "Continue from this one";
  made.setAttribute("aria-label", `Continue from this one: choice ${at + 1}`);
  made.addEventListener("click", () => {
    // Disabled in earnest it would lose the keyboard, which has to be there when the answer comes.
    if (made.ariaDisabled) return;
    made.ariaDisabled = "true";
    choose();
  });
  line.append(made);
  return line;
}
