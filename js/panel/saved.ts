/** The conversation as safe Markdown, kept at hand for the moment the notebook is saved. */

import type { Connection } from "./connection.ts";

/** After a change of the conversation; saving comes later than that. */
const PAUSE_MS = 300;

export class SavedForm {
  readonly #connection: Connection;
  #texts: string[] = [];
  #total = 0;
  #known: string[] = [];
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    signal.addEventListener(
      "abort",
      connection.transcript.subscribe((change) => change.kind === "items" && this.#later()),
    );
    signal.addEventListener("abort", () => clearTimeout(this.#waiting));
    this.#later();
  }

  markdown(): string {
    const { system } = this.#connection.settings;
    const missing = this.#total - this.#texts.length;
    const head = missing > 0 ? [`*${missing} earlier messages are not shown.*`] : [];
    if (this.#texts.length === 0 && !system) return "*An empty chat.*\n";
    return `${[...head, ...this.#texts].join("\n\n")}\n`;
  }

  #later(): void {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => void this.#ask(), PAUSE_MS);
  }

  /** Asks only for what has changed since the last time. */
  async #ask(): Promise<void> {
    const { transcript } = this.#connection;
    const now = Array.from({ length: transcript.total }, (_, index) => transcript.message(index)?.id ?? "");
    if (this.#total === now.length && now.every((id, index) => id === this.#known[index] || !id)) return;
    const differs = now.findIndex(
      (id, index) => id !== this.#known[index] && (id !== "" || index >= this.#total),
    );
    const same = differs < 0 ? now.length : differs;
    try {
      const { from, total, texts } = await this.#connection.request("markdown", { start: same });
      const first = this.#total - this.#texts.length;
      const kept = from === same && first <= from ? this.#texts.slice(0, from - first) : [];
      this.#texts = [...kept, ...texts];
      this.#total = total;
      this.#known = now;
    } catch {
      // The kernel is gone, or does not answer now: what was kept stays.
    }
  }
}
