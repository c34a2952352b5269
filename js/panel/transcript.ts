/** The conversation as far as it is known here: pure state, told by messages, watched by views. */

import type { Call, Everything, Message, Numbered, Turn } from "./protocol.ts";

/** One thing in the list: a settled message, or a part of a turn that is not settled. */
export type Item =
  | { key: string; kind: "message"; message: Message }
  | { key: string; kind: "question"; turn: Turn }
  | { key: string; kind: "answer"; turn: Turn };

export type Change =
  | { kind: "items" }
  /** A call waits no more for the reader's word. */
  | { kind: "answered"; question: string }
  | { kind: "text"; key: string; choice: number; what: "text" | "reasoning"; text: string };

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
      if (message && !message.inside) items.push({ key: keyOf(message), kind: "message", message });
    }
    return items;
  }

  /** The calls that wait for the reader's word. */
  asking(): Call[] {
    if (!this.#turns.some(({ state }) => state === "asking")) return [];
    const calls = [...this.#messages.values()].flatMap((message) => message.calls ?? []);
    return calls.filter(({ state }) => state === "asking");
  }

  /** What comes after the settled messages. */
  live(): Item[] {
    return this.#turns.flatMap((turn): Item[] => [
      ...(turn.question === null ? [] : [{ key: `${turn.id}/q`, kind: "question" as const, turn }]),
      // Of a question that waits its turn there is nothing more to show, and tools that run are shown above.
      ...((turn.state === "queued" && turn.question !== null) || isCalling(turn)
        ? []
        : [{ key: answerKey(turn.id, turn.round), kind: "answer" as const, turn }]),
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
    this.#turns = turns.map(copied);
  }

  #change(message: Numbered): boolean {
    if (message.type === "delta") return this.#addText(message);
    if (message.type === "turn") this.#setTurn(message.turn);
    else if (message.type === "gone") this.#turns = this.#turns.filter((turn) => turn.id !== message.turn);
    else if (message.type === "call") this.#setCall(message);
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
      for (const [choice, what, , text] of parts)
        this.#tell({ kind: "text", key: answerKey(id, turn.round), choice, what, text });
    return whole;
  }

  #setTurn(turn: Turn): void {
    const at = this.#turns.findIndex((other) => other.id === turn.id);
    if (at < 0) this.#turns.push(turn);
    else this.#turns[at] = turn;
  }

  #setCall({ at, number, call }: Extract<Numbered, { type: "call" }>): void {
    const message = this.#messages.get(at);
    const before = message?.calls?.[number];
    if (!message?.calls || !before) return;
    this.#messages.set(at, { ...message, calls: message.calls.with(number, call) });
    if (!before.question || call.question) return;
    // The same may be asked of another call, and only the words tell one box from another.
    if (this.asking().some(({ question }) => question === before.question)) return;
    this.#tell({ kind: "answered", question: before.question });
  }

  #setPath({ keep, from, total, messages, turns }: Extract<Numbered, { type: "path" }>): void {
    for (const index of [...this.#messages.keys()]) if (index >= keep) this.#messages.delete(index);
    messages.forEach((message, at) => {
      this.#messages.set(from + at, message);
    });
    this.#total = total;
    this.#turns = turns.map(copied);
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** The same for a turn's question and its answers before and after they have settled, so that a view can live on. */
function keyOf({ id, turn, role, round }: Message): string {
  if (role === "user") return `${turn}/q`;
  return role === "assistant" ? answerKey(turn, round ?? 0) : id;
}

function answerKey(turn: string, round: number): string {
  return `${turn}/a${round}`;
}

function copied(turn: Turn): Turn {
  return { ...turn, texts: [...turn.texts], reasoning: [...turn.reasoning] };
}

export function isRunning(turn: Turn): boolean {
  return turn.state !== "failed";
}

function isCalling({ state }: Turn): boolean {
  return state === "calling" || state === "asking";
}

export type State = "idle" | Turn["state"];

/** What goes on, of everything that goes on. */
export function stateOf(turns: readonly Turn[]): State {
  const order: Turn["state"][] = [
    "asking",
    "streaming",
    "calling",
    "retrying",
    "waiting",
    "queued",
    "failed",
  ];
  return order.find((state) => turns.some((turn) => turn.state === state)) ?? "idle";
}
