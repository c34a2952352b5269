/**
 * Markdown that grows: blocks that are finished are rendered once and sealed, only the tail is parsed again.
 *
 * The cost stays proportional to the text. A long tail (one huge list, table or paragraph) is parsed again only after it
 * has grown by a sixteenth, an open code fence not at all; what arrives in between is shown as plain text.
 */

import { type Cut, cut, type OpenFence } from "./blocks.ts";
import { FenceStream } from "./fence.ts";
import { heal } from "./heal.ts";
import type { Environment } from "./parser.ts";
import { patchAfter } from "./patch.ts";
import { appendText } from "./plain.ts";
import { renderGrowing, renderSettled } from "./render.ts";

/** A tail up to this long is parsed at every flush. */
const SHORT = 2048;
const GROWTH = 16;

/** Where plain text may wait inside the tail; not in a table, whose cells it would tear. */
const HOLDERS = "p, li, ul, ol, blockquote, h1, h2, h3, h4, h5, h6";

export class MarkdownStream {
  readonly #root: Element;
  readonly #heading: ChildNode | null;
  readonly #environment: Environment = { references: Object.create(null) };
  #text = "";
  #arrived: string[] = [];
  /** The source that is not sealed yet; how much of it the page shows as Markdown; where it was last looked at for a cut. */
  #tail = "";
  #parsed = 0;
  #looked = 0;
  #lastSealed: ChildNode | null;
  #fence: FenceStream | null = null;
  #pending: Element | null = null;

  /** `root` belongs to the stream: its children are the blocks, as rendering at once would make them, below a `heading`. */
  constructor(root: Element, heading: ChildNode | null = null) {
    this.#root = root;
    this.#heading = heading;
    this.#lastSealed = heading;
  }

  /** Everything taken so far. */
  get text(): string {
    return this.#text;
  }

  /** Takes a piece; nothing is drawn before `flush`. */
  append(text: string): void {
    if (!text) return;
    this.#text += text;
    this.#arrived.push(text);
  }

  /** Draws what has arrived. Meant to be called once a frame. */
  flush(): void {
    const fresh = this.#arrived.join("");
    this.#arrived = [];
    if (!fresh) return;
    this.#tail += fresh;
    if (this.#fence) {
      if (!this.#fence.feed(fresh)) return;
      this.#fence = null;
      this.#parse();
    } else if (this.#isDue()) {
      this.#parse();
    } else {
      this.#showPending(fresh);
    }
  }

  /** Renders the whole once more: only now are all link definitions known. Blocks that are the same stay untouched. */
  finish(): void {
    this.#arrived = [];
    patchAfter(this.#root, this.#heading, renderSettled(this.#text));
    this.#tail = "";
    this.#lastSealed = this.#root.lastChild;
  }

  #isDue(): boolean {
    const { length } = this.#tail;
    return length <= SHORT || (length - this.#parsed) * GROWTH >= length;
  }

  #parse(): void {
    const { settled, fence } = this.#cut();
    const fragment = document.createDocumentFragment();
    if (settled > 0) {
      fragment.append(renderSettled(this.#tail.slice(0, settled), this.#environment));
      this.#tail = this.#tail.slice(settled);
      this.#looked = 0;
    }
    const sealed = fragment.childNodes.length;
    const growing = fence ? this.#tail.slice(0, fence.content - settled) : heal(this.#tail);
    fragment.append(renderGrowing(growing, this.#environment));
    patchAfter(this.#root, this.#lastSealed, fragment);
    this.#pending = null;
    this.#parsed = this.#tail.length;
    for (let count = 0; count < sealed; count += 1) {
      this.#lastSealed = this.#lastSealed ? this.#lastSealed.nextSibling : this.#root.firstChild;
    }
    if (fence) this.#openFence(fence, growing.length);
  }

  /** Only complete lines are looked at, and only when there is a new one. */
  #cut(): Cut {
    const complete = this.#tail.lastIndexOf("\n") + 1;
    if (complete === this.#looked) return { settled: 0, fence: null };
    this.#looked = complete;
    return cut(this.#tail.slice(0, complete));
  }

  #openFence(fence: OpenFence, content: number): void {
    const code = this.#root.lastElementChild?.querySelector("code");
    if (!code) return;
    this.#fence = new FenceStream(fence, code);
    this.#fence.feed(this.#tail.slice(content));
  }

  #showPending(text: string): void {
    this.#pending ??= this.#makePending();
    if (this.#pending) appendText(this.#pending, text);
  }

  #makePending(): Element | null {
    let holder = this.#root.lastElementChild;
    if (holder === this.#heading || !holder?.matches(HOLDERS)) return null;
    while (holder.lastElementChild?.matches(HOLDERS)) holder = holder.lastElementChild;
    const pending = document.createElement("span");
    pending.className = "nbchat-pending";
    holder.append(pending);
    return pending;
  }
}
