/** The link definitions of a document that grows, and which labels were looked for before they were defined. */

import type { Environment } from "./parser.ts";

type Table = NonNullable<Environment["references"]>;

export class Definitions {
  readonly #known = Object.create(null) as Table;
  #missed = new Set<string>();
  /** markdown-it's own table, by normalised label. */
  readonly table: Table = new Proxy(this.#known, {
    get: (known, label: string) => {
      const found = known[label];
      if (found === undefined) this.#missed.add(label);
      return found;
    },
  });

  /** What was looked for in vain since this was last asked, and is still not defined. */
  takeMissed(): string[] {
    const missed = [...this.#missed].filter((label) => !this.has(label));
    this.#missed = new Set();
    return missed;
  }

  has(label: string): boolean {
    return this.#known[label] !== undefined;
  }
}
