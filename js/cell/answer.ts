/** A turn's answers as far as they have come: pure state, told by messages, watched by views. */

import type { Delta, Final, Format, Round, Snapshot, Status, Traits } from "./protocol.ts";

/** What a view must do about a change. */
export type Change =
  /** One more begins. */
  | { kind: "round" }
  | { kind: "text"; round: number; choice: number; text: string }
  | { kind: "reasoning"; round: number; text: string }
  | { kind: "calls"; round: number }
  /** The texts are no longer continuations of what they were. */
  | { kind: "reset" }
  | { kind: "state" }
  | { kind: "finishing" };

export class Answer {
  rounds: Round[];
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
    this.rounds = copied(traits.rounds);
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
    const { round: number, reasoning, texts, calls } = delta;
    const begins = number >= this.rounds.length;
    const round = this.#round(number);
    if (begins) this.#tell({ kind: "round" });
    if (reasoning) {
      round.reasoning += reasoning;
      this.#tell({ kind: "reasoning", round: number, text: reasoning });
    }
    for (const [choice, text] of texts) {
      while (round.texts.length <= choice) round.texts.push("");
      round.texts[choice] += text;
      this.#tell({ kind: "text", round: number, choice, text });
    }
    if (calls) {
      round.calls = calls;
      this.#tell({ kind: "calls", round: number });
    }
    return true;
  }

  /** Takes the whole as Python has it, then what had come too early. False if there is still a gap. */
  applySnapshot({ seq, rounds }: Pick<Snapshot, "seq" | "rounds">): boolean {
    if (seq >= this.#seq) {
      this.#seq = seq;
      this.rounds = copied(rounds);
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

  #round(number: number): Round {
    while (this.rounds.length <= number) {
      // A turn asks for as many choices each time.
      const choices = this.rounds[0]?.texts.length ?? 1;
      this.rounds.push({ texts: Array(choices).fill(""), reasoning: "", calls: [] });
    }
    return this.rounds[number] as Round;
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function copied(rounds: readonly Round[]): Round[] {
  return rounds.map((round) => ({ ...round, texts: [...round.texts] }));
}
