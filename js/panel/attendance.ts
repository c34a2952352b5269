/** Tells Python whether a page shows the panel: as long as one does, somebody can be asked whether a tool may be called. */

import type { Connection } from "./connection.ts";

export class Attendance {
  readonly #connection: Connection;
  #views = 0;

  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    addEventListener("pagehide", () => this.#tell(false), { signal });
    // A page that was left may come back as it was.
    addEventListener("pageshow", ({ persisted }) => persisted && this.#tell(this.#views > 0), { signal });
  }

  /** One more view is open, until the signal says that it is not. */
  add(signal: AbortSignal): void {
    this.#views += 1;
    if (this.#views === 1) this.#tell(true);
    signal.addEventListener("abort", () => {
      this.#views -= 1;
      if (this.#views === 0) this.#tell(false);
    });
  }

  #tell(open: boolean): void {
    // Where the kernel is gone nobody asks.
    const { page } = this.#connection;
    this.#connection.request("attend", { page, open }).catch(() => undefined);
  }
}
