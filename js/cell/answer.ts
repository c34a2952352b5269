/** The answer as far as it has come: pure state, told by messages, watched by views. */

import type { Delta, Final, Format, Snapshot, Status, Traits } from "./protocol.ts";

/** What a view must do about a change. */
export type Change =
  | { kind: "text"; choice: number; text: string }
  | { kind: "reasoning"; text: string }
  /** The texts are no longer continuations of what they were. */
  | { kind: "reset" }
  | { kind: "state" }
  | { kind: "finishing" };

export class Answer {
  texts: string[];
  reasoning: string;
  status: Status;
  note: string;
  readonly format: Format;
  readonly label: string;
  final: Final | null;
  #seq: number;
  /** Deltas that came after a gap, until a snapshot has closed it. */
  #early: Delta[] = [];
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(traits: Traits) {
    this.texts = [...traits.texts];
    this.reasoning = traits.reasoning;
    this.status = traits.status;
    this.note = traits.note;
    this.format = traits.format;
    this.label = traits.label;
    this.final = traits.final;
    this.#seq = traits.seq;
  }

  get seq(): number {
    return this.#seq;
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Applies the next delta. False if one before it is missing: then a snapshot is needed. */
  applyDelta(delta: Delta): boolean {
    if (delta.seq <= this.#seq) return true;
    if (delta.seq > this.#seq + 1) {
      this.#early.push(delta);
      return false;
    }
    this.#seq = delta.seq;
    if (delta.reasoning) {
      this.reasoning += delta.reasoning;
      this.#tell({ kind: "reasoning", text: delta.reasoning });
    }
    for (const [choice, text] of delta.texts) {
      while (this.texts.length <= choice) this.texts.push("");
      this.texts[choice] += text;
      this.#tell({ kind: "text", choice, text });
    }
    return true;
  }

  /** Takes the whole as Python has it, then what had come too early. False if there is still a gap. */
  applySnapshot({ seq, texts, reasoning }: Pick<Snapshot, "seq" | "texts" | "reasoning">): boolean {
    if (seq >= this.#seq) {
      this.#seq = seq;
      this.texts = [...texts];
      this.reasoning = reasoning;
      this.#tell({ kind: "reset" });
    }
    const early = this.#early;
    this.#early = [];
    return early.map((delta) => this.applyDelta(delta)).every(Boolean);
  }

  setState(state: Partial<Pick<Traits, "status" | "note" | "final">>): void {
    Object.assign(this, state);
    this.#tell({ kind: "state" });
  }

  /** Python is about to replace the output. */
  announceEnd(): void {
    this.#tell({ kind: "finishing" });
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
