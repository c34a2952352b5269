/** What is attached to the question that is being typed, as a row of chips: what each is, how far it is, and a way to remove it. */

import { announce } from "../cell/announce.ts";
import { type Attachments, type Item, megabytes } from "./attachments.ts";
import { h, type Icon, icon, iconButton } from "./element.ts";
import { isPicture } from "./media.ts";

const ICONS: Record<string, Icon> = { audio: "sound" };

export class ChipsView {
  readonly element = h("ul", { class: "nbp-chips", "aria-label": "Attached files", hidden: true });
  readonly #attachments: Attachments;
  readonly #chips = new Map<Item, Chip>();
  /** What was said of each: its state. */
  readonly #said = new Map<Item, Item["state"]>();
  readonly #leave: () => void;

  /** `leave` takes the focus where the last chip is gone. */
  constructor(attachments: Attachments, leave: () => void, signal: AbortSignal) {
    this.#attachments = attachments;
    this.#leave = leave;
    signal.addEventListener(
      "abort",
      attachments.subscribe(() => this.#show()),
    );
  }

  #show(): void {
    const { items } = this.#attachments;
    for (const [item, chip] of this.#chips) {
      if (items.includes(item)) continue;
      chip.element.remove();
      this.#chips.delete(item);
    }
    for (const item of items) (this.#chips.get(item) ?? this.#begin(item)).show(item);
    // Those that come back stand first.
    items.forEach((item, at) => {
      const element = this.#chips.get(item)?.element;
      const there = this.element.children[at] ?? null;
      if (element && element !== there) this.element.insertBefore(element, there);
    });
    this.element.hidden = items.length === 0;
    this.#speak();
  }

  /** Scrolls the row alone, which may be longer than there is room for, and not the page. */
  #reveal(item: Item): void {
    const chip = this.#chips.get(item)?.element;
    if (chip) this.element.scrollTop = chip.offsetTop - this.element.offsetTop;
  }

  #begin(item: Item): Chip {
    const chip = new Chip(
      item.file.name,
      () => this.#remove(item),
      () => this.#attachments.retry(item),
    );
    this.#chips.set(item, chip);
    return chip;
  }

  #remove(item: Item): void {
    const at = this.#attachments.items.indexOf(item);
    this.#attachments.remove(item);
    announce(`${item.file.name} removed.`);
    const { items } = this.#attachments;
    const beside = items[Math.min(at, items.length - 1)];
    if (beside) this.#chips.get(beside)?.focus();
    else this.#leave();
  }

  /** Once, when all have come to an end, so that one word does not cut off another. */
  #speak(): void {
    if (this.#attachments.state === "busy") return;
    const { items } = this.#attachments;
    for (const item of this.#said.keys()) if (!items.includes(item)) this.#said.delete(item);
    const news = items.filter((item) => this.#said.get(item) !== item.state);
    const first = news.find(({ state }) => state === "failed") ?? news[0];
    if (!first) return;
    for (const item of news) this.#said.set(item, item.state);
    this.#reveal(first);
    announce(
      news
        .map((item) =>
          item.state === "ready" ? `Attached: ${item.file.name}, ${about(item)}.` : about(item),
        )
        .join(" "),
    );
  }
}

class Chip {
  readonly element: HTMLLIElement;
  readonly #picture = h("span", { class: "nbp-chip-picture" }, icon("file"));
  readonly #about = h("span", { class: "nbp-chip-about" });
  readonly #progress: HTMLProgressElement;
  readonly #again: HTMLButtonElement;
  readonly #remove: HTMLButtonElement;
  #drawn: Item["read"];

  constructor(name: string, remove: () => void, retry: () => void) {
    this.#progress = h("progress", { "aria-label": `Sending ${name}` });
    this.#again = iconButton("again", `Try ${name} again`, retry);
    this.#remove = iconButton("close", `Remove ${name}`, remove);
    this.element = h(
      "li",
      { class: "nbp-chip" },
      this.#picture,
      h(
        "span",
        { class: "nbp-chip-words" },
        h("bdi", { class: "nbp-chip-name", title: name }, name),
        this.#about,
        this.#progress,
      ),
      this.#again,
      this.#remove,
    );
  }

  focus(): void {
    this.#remove.focus();
  }

  show(item: Item): void {
    const { state, sent, file, read, silent } = item;
    this.element.dataset.state = state;
    this.#about.textContent = about(item);
    this.#progress.hidden = state !== "sending";
    this.#progress.max = file.size;
    this.#progress.value = sent;
    // What was never begun would be no better the next time.
    this.#again.hidden = !(silent || (state === "failed" && item.id));
    if (read === this.#drawn) return;
    this.#drawn = read;
    // Beside its name it says nothing to those who do not see it.
    const picture = isPicture(read?.picture) ? h("img", { src: read.picture, alt: "" }) : null;
    this.#picture.replaceChildren(picture ?? icon(ICONS[read?.kind ?? ""] ?? "file"));
  }
}

function about({ state, sent, silent, file, read, problem }: Item): string {
  if (state === "failed") return problem ?? "";
  if (silent) return "No answer from the kernel yet: it may be running a cell, or the connection is lost.";
  if (state === "waiting") return `${megabytes(file.size)}, waiting`;
  if (state === "sending") return sent > 0 ? `${megabytes(sent)} of ${megabytes(file.size)}` : "Sending";
  const tokens = read?.tokens ? `≈\u00a0${read.tokens.toLocaleString("en")}\u00a0tokens` : "";
  return [read?.about, tokens, ...(read?.notes ?? [])].filter(Boolean).join(", ");
}
