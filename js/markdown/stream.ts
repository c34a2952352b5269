/**
 * Markdown that grows: blocks that are finished are rendered once and sealed, only the tail is parsed again.
 *
 * One thing changes what is sealed: a link definition may come after its use. Each seal knows the labels that it looked for
 * in vain, and is rendered once more at the end if one of them has been defined since.
 *
 * The cost stays proportional to the text. A long tail (one huge list, table or paragraph) is parsed again only after it
 * has grown by a sixteenth, an open code fence not at all; what arrives in between is shown as plain text.
 */

import { type Cut, cut, type OpenFence } from "./blocks.ts";
import { Definitions } from "./definitions.ts";
import { FenceStream } from "./fence.ts";
import { heal } from "./heal.ts";
import type { Environment } from "./parser.ts";
import { patchBetween } from "./patch.ts";
import { appendText } from "./plain.ts";
import { renderGrowing, renderSettled } from "./render.ts";

/** A tail up to this long is parsed at every flush. */
const SHORT = 2048;
const GROWTH = 16;

/** Where plain text may wait inside the tail; not in a table, whose cells it would tear. */
const HOLDERS = "p, li, ul, ol, blockquote, h1, h2, h3, h4, h5, h6";

/** Blocks that are rendered for good, but for links to labels that nothing has defined so far. */
interface OpenSeal {
  source: string;
  missed: string[];
  /** The node before its first one, and its last one. */
  before: ChildNode | null;
  last: ChildNode;
}

export class MarkdownStream {
  readonly #root: Element;
  readonly #heading: ChildNode | null;
  readonly #dress: (block: Element) => void;
  readonly #definitions = new Definitions();
  readonly #environment: Environment = { references: this.#definitions.table };
  readonly #open: OpenSeal[] = [];
  #text = "";
  #arrived: string[] = [];
  #half = "";
  /** The source that is not sealed yet; how much of it the page shows as Markdown; where it was last looked at for a cut. */
  #tail = "";
  #parsed = 0;
  #looked = 0;
  #lastSealed: ChildNode | null;
  #fence: FenceStream | null = null;
  #pending: Element | null = null;

  /**
   * `root` belongs to the stream: its children are the blocks, as rendering at once would make them, below a `heading`.
   * `dress` gets each block as soon as it is sealed, and may add to it; a block that is rendered again comes without.
   */
  constructor(
    root: Element,
    heading: ChildNode | null = null,
    dress: (block: Element) => void = () => undefined,
  ) {
    this.#root = root;
    this.#heading = heading;
    this.#dress = dress;
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
    const fresh = this.#take();
    if (!fresh) return;
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

  /** Renders for good what is not sealed yet, and what a later definition has changed. Nodes that are the same stay untouched. */
  finish(): void {
    this.#take();
    this.#tail += this.#half;
    this.#half = "";
    this.#fence = null;
    this.#pending = null;
    patchBetween(this.#root, this.#lastSealed, null, renderSettled(this.#tail, this.#environment));
    // From the last to the first: a seal begins after the last node of the one before it, which may be replaced.
    for (const { source, missed, before, last } of this.#open.reverse()) {
      if (!missed.some((label) => this.#definitions.has(label))) continue;
      patchBetween(this.#root, before, last.nextSibling, renderSettled(source, this.#environment));
    }
    this.#open.length = 0;
    this.#tail = "";
    this.#lastSealed = this.#root.lastChild;
  }

  /** Moves what has arrived to the tail, its line ends as the parser would make them. */
  #take(): string {
    const arrived = this.#half + this.#arrived.join("");
    this.#arrived = [];
    // What comes next may be the other half of this line end.
    this.#half = arrived.endsWith("\r") ? "\r" : "";
    const fresh = arrived.slice(0, arrived.length - this.#half.length).replace(/\r\n?/g, "\n");
    this.#tail += fresh;
    return fresh;
  }

  #isDue(): boolean {
    const { length } = this.#tail;
    return length <= SHORT || (length - this.#parsed) * GROWTH >= length;
  }

  #parse(): void {
    const { settled, fence } = this.#cut();
    const fragment = document.createDocumentFragment();
    const source = this.#tail.slice(0, settled);
    let missed: string[] = [];
    if (settled > 0) {
      this.#definitions.takeMissed();
      fragment.append(renderSettled(source, this.#environment));
      missed = this.#definitions.takeMissed();
      this.#tail = this.#tail.slice(settled);
      this.#looked = 0;
    }
    const sealed = fragment.childNodes.length;
    const growing = fence ? this.#tail.slice(0, fence.content - settled) : heal(this.#tail);
    fragment.append(renderGrowing(growing, this.#environment));
    patchBetween(this.#root, this.#lastSealed, null, fragment);
    this.#pending = null;
    this.#parsed = this.#tail.length;
    const before = this.#lastSealed;
    for (let count = 0; count < sealed; count += 1) {
      this.#lastSealed = this.#lastSealed ? this.#lastSealed.nextSibling : this.#root.firstChild;
      if (this.#lastSealed instanceof Element) this.#dress(this.#lastSealed);
    }
    if (missed.length > 0 && this.#lastSealed) {
      this.#open.push({ source, missed, before, last: this.#lastSealed });
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
