/** The files beside the question that is being typed: pure state. Each goes to the kernel in pieces, and waits there. */

import { type Connection, Refused, randomId } from "./connection.ts";
import type { Accepts, Uploaded } from "./protocol.ts";

/** How long without a word from the kernel before the reader is told: a cell may run, or the connection be lost. */
const PATIENCE_MS = 6000;
/** Of how much more it may take to read a file when all of it is there: pictures are scaled down. */
const BYTES_A_MS = 10_000;

export interface Item {
  readonly file: File;
  /** Of this try; the kernel's answers to an earlier one mean nothing any more. */
  id: string;
  state: "waiting" | "sending" | "ready" | "failed";
  /** Bytes that have arrived. */
  sent: number;
  /** The kernel has not answered for a while. */
  silent: boolean;
  read?: Uploaded;
  problem?: string;
}

export class Attachments {
  readonly #connection: Pick<Connection, "request" | "page" | "settings">;
  readonly #listeners = new Set<() => void>();
  #items: Item[] = [];

  constructor(connection: Pick<Connection, "request" | "page" | "settings">) {
    this.#connection = connection;
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  /** Where the least advanced of them is; null where there are none. */
  get state(): "busy" | "failed" | "ready" | null {
    const states = this.#items.map(({ state }) => state);
    if (states.some((state) => state === "waiting" || state === "sending")) return "busy";
    if (states.includes("failed")) return "failed";
    return states.length > 0 ? "ready" : null;
  }

  /** What the kernel knows them by, of those that it has. */
  get ids(): string[] {
    return this.#items.filter(({ state }) => state === "ready").map(({ id }) => id);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const problem = whyNot(file, this.#connection.settings.accepts);
      const state = problem ? "failed" : "waiting";
      this.#items.push({ file, id: "", state, sent: 0, silent: false, ...(problem && { problem }) });
    }
    this.#next();
  }

  remove(item: Item): void {
    this.#items = this.#items.filter((other) => other !== item);
    this.#forget(item);
    this.#next();
  }

  /** Sends it again from its beginning. */
  retry(item: Item): void {
    this.#forget(item);
    const problem = whyNot(item.file, this.#connection.settings.accepts);
    Object.assign(item, {
      state: problem ? "failed" : "waiting",
      problem: problem ?? "",
      silent: false,
    });
    this.#next();
  }

  /** Empties the draft, and hands out what was in it. */
  take(): Item[] {
    const items = this.#items;
    this.#items = [];
    this.#tell();
    return items;
  }

  /** What was taken and not sent after all. */
  putBack(items: readonly Item[]): void {
    this.#items = [...items, ...this.#items];
    this.#tell();
  }

  /** Nobody will send them any more. */
  clear(): void {
    for (const item of this.take()) this.#forget(item);
  }

  /** One after another: they share a connection, and the first is of use before the last. */
  #next(): void {
    const next = this.#items.find(({ state }) => state === "waiting");
    if (next && !this.#items.some(({ state }) => state === "sending")) {
      Object.assign(next, { id: randomId(), state: "sending", sent: 0, problem: "" });
      void this.#send(next, next.id);
    }
    this.#tell();
  }

  async #send(item: Item, id: string): Promise<void> {
    try {
      const read = await this.#sendAll(item, id);
      if (item.id === id && read) Object.assign(item, { state: "ready", read });
    } catch (problem) {
      if (item.id === id)
        Object.assign(item, {
          state: "failed",
          problem:
            problem instanceof Refused
              ? problem.message
              : `${item.file.name} can't be read: it may be a folder, or no longer be where it was.`,
        });
    }
    this.#next();
  }

  /** Null where it was given up meanwhile. */
  async #sendAll(item: Item, id: string): Promise<Uploaded | null> {
    const { file } = item;
    const { page, settings } = this.#connection;
    for (let offset = 0; offset < file.size; ) {
      const bytes = await file.slice(offset, offset + settings.accepts.piece).arrayBuffer();
      if (item.id !== id) return null;
      const piece = { page, file: id, name: file.name, size: file.size, offset };
      const answer = this.#connection.request("upload", piece, [bytes]);
      const reading = offset + bytes.byteLength < file.size ? 0 : file.size / BYTES_A_MS;
      const read = await this.#withPatience(item, id, answer, PATIENCE_MS + reading);
      if (read || item.id !== id) return read;
      offset += bytes.byteLength;
      item.sent = offset;
      this.#tell();
    }
    throw new Error("the kernel has all of it, and does not say what it is");
  }

  async #withPatience<T>(item: Item, id: string, answer: Promise<T>, ms: number): Promise<T> {
    const silence = (silent: boolean) => {
      if (item.silent === silent || item.id !== id) return;
      item.silent = silent;
      this.#tell();
    };
    const waiting = setTimeout(() => silence(true), ms);
    try {
      return await answer;
    } finally {
      clearTimeout(waiting);
      silence(false);
    }
  }

  #forget(item: Item): void {
    const { id } = item;
    item.id = "";
    // Where the kernel is gone, so is what it held.
    if (id) this.#connection.request("discard", { files: [id] }).catch(() => undefined);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Why a file is not even begun with. What a browser takes for a picture may be none: the kernel looks at its bytes. */
function whyNot(file: File, accepts: Accepts): string | undefined {
  if (file.size === 0) return `${file.name} is empty, or a folder.`;
  const most = file.type && !file.type.startsWith("image/") ? accepts.file : accepts.picture;
  return file.size > most
    ? `${file.name} has ${megabytes(file.size)}; at most ${megabytes(most)} are attached.`
    : undefined;
}

/** As Python has it: nbchat/attachments/limits.py. */
export function megabytes(size: number): string {
  if (size < 1000) return `${size} bytes`;
  if (size < 1_000_000) return `${Math.round(size / 1000)} kB`;
  return `${(size / 1_000_000).toFixed(1).replace(/\.0$/, "")} MB`;
}
