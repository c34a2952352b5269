/** A widget's model without a kernel: what Python would send is put in, what it would get is kept. */

import type { Model } from "../cell/anywidget.ts";
import type { Round, Traits } from "../cell/protocol.ts";

/** One answer with these texts. */
export const round = (...texts: string[]): Round => ({ texts, reasoning: "", calls: [] });

/** A cell's, before anything has come. */
export const FRESH: Traits = {
  rounds: [round("")],
  seq: 0,
  status: "running",
  note: "",
  format: "markdown",
  label: "Answer",
  final: null,
};

export class FakeModel implements Model {
  readonly sent: unknown[] = [];
  widget_manager: unknown;
  readonly #traits: Record<string, unknown>;
  readonly #listeners = new Map<string, Set<(message: unknown) => void>>();

  constructor(traits: Record<string, unknown>) {
    this.#traits = { ...FRESH, ...traits };
  }

  get(name: string): unknown {
    return this.#traits[name];
  }

  on(event: string, callback: (message: unknown) => void): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(callback));
  }

  off(event: string, callback: (message: unknown) => void): void {
    this.#listeners.get(event)?.delete(callback);
  }

  send(message: unknown): void {
    this.sent.push(message);
  }

  /** Python sends a custom message. */
  receive(message: unknown): void {
    for (const listener of this.#listeners.get("msg:custom") ?? []) listener(message);
  }

  /** Python sets a trait. */
  set(name: string, value: unknown): void {
    this.#traits[name] = value;
    for (const listener of this.#listeners.get(`change:${name}`) ?? []) listener(this);
  }

  /** Something happens to the model that is no message and no trait. */
  trigger(event: string): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(this);
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, listeners) => sum + listeners.size, 0);
  }
}
