/** The conversation as far as it is known here: pure state, told by messages, watched by views. */

import type { Everything, Message, Numbered, Turn } from "./protocol.ts";

/** One thing in the list: a settled message, or a part of a turn that is not settled. */
export type Item =
  | { key: string; kind: "message"; message: Message }
  | { key: string; kind: "question"; turn: Turn }
  | { key: string; kind: "answer"; turn: Turn };

export type Change =
  | { kind: "items" }
  | { kind: "text"; turn: string; choice: number; what: "text" | "reasoning"; text: string };

export class Transcript {
  #seq = 0;
  #total = 0;
  readonly #messages = new Map<number, Message>();
  #turns: Turn[] = [];
  /** Messages that came after a gap, until a snapshot has closed it. */
  #early: Numbered[] = [];
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(everything: Everything) {
    this.#take(everything);
  }

  get seq(): number {
    return this.#seq;
  }

  get total(): number {
    return this.#total;
  }

  get turns(): readonly Turn[] {
    return this.#turns;
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  message(index: number): Message | undefined {
    return this.#messages.get(index);
  }

  /** How many messages are shown: a turn that runs further up hides those that it will replace. */
  get shown(): number {
    const running = this.#turns.find((turn) => isRunning(turn) && turn.state !== "queued");
    return Math.min(running?.keep ?? this.#total, this.#total);
  }

  /** The settled messages that are shown and known, from one on to before another. */
  settled(from: number, to: number): Item[] {
    const items: Item[] = [];
    for (let index = Math.max(0, from); index < Math.min(to, this.shown); index += 1) {
      const message = this.#messages.get(index);
      if (message) items.push({ key: this.#key(index, message), kind: "message", message });
    }
    return items;
  }

  /** What comes after the settled messages. */
  live(): Item[] {
    return this.#turns.flatMap((turn): Item[] => [
      ...(turn.question === null ? [] : [{ key: `${turn.id}/q`, kind: "question" as const, turn }]),
      // Of a question that waits its turn there is nothing more to show.
      ...(turn.state === "queued" && turn.question !== null
        ? []
        : [{ key: `${turn.id}/a`, kind: "answer" as const, turn }]),
    ]);
  }

  /** The last question that was asked, settled or not. */
  lastQuestion(): string | undefined {
    const waiting = this.#turns.findLast((turn) => turn.question !== null);
    if (waiting?.question) return waiting.question;
    for (let index = this.#total - 1; index >= 0; index -= 1) {
      const message = this.#messages.get(index);
      if (!message) return undefined;
      if (message.role === "user") return message.text;
    }
    return undefined;
  }

  /** Applies the next message. False if one before it is missing: then a snapshot is needed. */
  apply(message: Numbered): boolean {
    if (message.seq <= this.#seq) return true;
    if (message.seq > this.#seq + 1) {
      this.#early.push(message);
      return false;
    }
    this.#seq = message.seq;
    return this.#change(message);
  }

  /** Takes everything as Python has it, then what had come too early. False if there is still a gap. */
  restore(everything: Everything): boolean {
    if (everything.seq >= this.#seq) {
      this.#take(everything);
      this.#tell({ kind: "items" });
    }
    const early = this.#early.sort((one, other) => one.seq - other.seq);
    this.#early = [];
    return early.map((message) => this.apply(message)).every(Boolean);
  }

  /** Puts in messages from further up that were asked for. */
  addEarlier(from: number, messages: readonly Message[]): void {
    messages.forEach((message, at) => {
      if (from + at < this.#total && !this.#messages.has(from + at)) this.#messages.set(from + at, message);
    });
    this.#tell({ kind: "items" });
  }

  #take({ seq, total, messages, turns }: Everything): void {
    this.#seq = seq;
    this.#total = total;
    this.#messages.clear();
    messages.forEach((message, at) => {
      this.#messages.set(total - messages.length + at, message);
    });
    this.#turns = turns.map((turn) => ({ ...turn, texts: [...turn.texts], reasoning: [...turn.reasoning] }));
  }

  #change(message: Numbered): boolean {
    if (message.type === "delta") return this.#addText(message);
    if (message.type === "turn") this.#setTurn(message.turn);
    else if (message.type === "gone") this.#turns = this.#turns.filter((turn) => turn.id !== message.turn);
    else this.#setPath(message);
    this.#tell({ kind: "items" });
    return true;
  }

  #addText({ turn: id, parts }: Extract<Numbered, { type: "delta" }>): boolean {
    const turn = this.#turns.find((other) => other.id === id);
    if (!turn) return true;
    const began = turn.state !== "streaming";
    turn.state = "streaming";
    turn.note = "";
    let whole = true;
    for (const [choice, kind, offset, text] of parts) {
      const texts = kind === "text" ? turn.texts : turn.reasoning;
      while (texts.length <= choice) texts.push("");
      whole &&= texts[choice]?.length === offset;
      texts[choice] += text;
    }
    if (began) this.#tell({ kind: "items" });
    else
      for (const [choice, what, , text] of parts) this.#tell({ kind: "text", turn: id, choice, what, text });
    return whole;
  }

  #setTurn(turn: Turn): void {
    const at = this.#turns.findIndex((other) => other.id === turn.id);
    if (at < 0) this.#turns.push(turn);
    else this.#turns[at] = turn;
  }

  #setPath({ keep, from, total, messages }: Extract<Numbered, { type: "path" }>): void {
    for (const index of [...this.#messages.keys()]) if (index >= keep) this.#messages.delete(index);
    messages.forEach((message, at) => {
      this.#messages.set(from + at, message);
    });
    this.#total = total;
    const settled = new Set(messages.map((message) => message.turn));
    this.#turns = this.#turns.filter((turn) => !settled.has(turn.id));
  }

  /** The same for a turn's question and answer before and after it has settled, so that a view can live on. */
  #key(index: number, message: Message): string {
    if (message.role === "user") return `${message.turn}/q`;
    const before = this.#messages.get(index - 1);
    const first = before?.turn !== message.turn || before.role === "user";
    return message.role === "assistant" && first ? `${message.turn}/a` : message.id;
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

export function isRunning(turn: Turn): boolean {
  return turn.state !== "failed";
}

export type State = "idle" | Turn["state"];

/** What goes on, of everything that goes on. */
export function stateOf(turns: readonly Turn[]): State {
  const order: Turn["state"][] = ["streaming", "retrying", "waiting", "queued", "failed"];
  return order.find((state) => turns.some((turn) => turn.state === state)) ?? "idle";
}
