/** Ties a transcript to the widget's model: messages and traits in, requests out, each answered or refused. */

import { listen, type Model } from "../cell/anywidget.ts";
import type {
  About,
  Accepts,
  Everything,
  Field,
  FromPython,
  Message,
  Reply,
  Requests,
  Turn,
} from "./protocol.ts";
import { Transcript } from "./transcript.ts";

/** A kernel that runs a cell may answer only after it; asking again meanwhile would only add to the queue. */
const PATIENCE_MS = 10_000;

export class Refused extends Error {}

/** The traits that are small and change as a whole. */
export interface Settings {
  name: string;
  starters: string[];
  fields: Field[];
  parameters: Record<string, unknown>;
  system: string;
  about: About;
  accepts: Accepts;
}

/** Where the kernel has not said it: what is too large it refuses itself. */
const ACCEPTS: Accepts = { file: Infinity, picture: Infinity, piece: 2_000_000 };

export class Connection {
  readonly transcript: Transcript;
  readonly model: Model;
  /** Tells this page from others that show the same panel. */
  readonly page = randomId();
  readonly #waiting = new Map<number, { resolve(value: never): void; reject(error: Refused): void }>();
  readonly #listeners = new Set<() => void>();
  #number = 0;
  #asked = Number.NEGATIVE_INFINITY;
  #gone = false;

  constructor(model: Model, signal: AbortSignal) {
    this.model = model;
    this.transcript = new Transcript(readEverything(model));
    const changed = () => this.#tell();
    const gone = () => this.lose();
    listen(model, signal, {
      "msg:custom": (message) => this.#hear(message as FromPython),
      "change:parameters": changed,
      "change:system": changed,
      "change:about": changed,
      "comm:close": gone,
      comm_live_update: gone,
    });
    // A page that was reloaded may have got the state of the widget's first moment (marimo), or lack what came between
    // Python's reply and now. Nothing here waits.
    this.#askForSnapshot();
  }

  /** Whether the kernel that held the session is no more. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The kernel is gone: what was asked of it is refused, what is known stays. */
  lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const { reject } of this.#waiting.values()) reject(new Refused("The kernel is gone."));
    this.#waiting.clear();
    this.#tell();
  }

  get settings(): Settings {
    const { model } = this;
    return {
      name: (model.get("name") as string | undefined) ?? "Chat",
      starters: (model.get("starters") as string[] | undefined) ?? [],
      fields: (model.get("fields") as Field[] | undefined) ?? [],
      parameters: (model.get("parameters") as Record<string, unknown> | undefined) ?? {},
      system: (model.get("system") as string | undefined) ?? "",
      about: (model.get("about") as About | undefined) ?? {
        endpoint: "",
        model: null,
        models: [],
        prompt: 0,
        completion: 0,
        cost: null,
      },
      accepts: (model.get("accepts") as Accepts | undefined) ?? ACCEPTS,
    };
  }

  /** Calls `listener` whenever the settings have changed, or the kernel has gone. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks Python for something, with bytes beside it. Fails with `Refused` and the reason. */
  request<Name extends keyof Requests>(
    name: Name,
    fields: Requests[Name][0],
    buffers: ArrayBuffer[] = [],
  ): Promise<Requests[Name][1]> {
    if (this.#gone) return Promise.reject(new Refused("The kernel is gone: run the cell again to go on."));
    this.#number += 1;
    const id = this.#number;
    const answer = new Promise<Requests[Name][1]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.model.send({ do: name, id, ...fields }, undefined, buffers);
    return answer;
  }

  #hear(message: FromPython): void {
    if (message.type === "reply") {
      this.#settle(message);
    } else if (message.type === "snapshot") {
      this.#asked = Number.NEGATIVE_INFINITY;
      if (!this.transcript.restore(message)) this.#askForSnapshot();
    } else if (!this.transcript.apply(message)) {
      this.#askForSnapshot();
    }
  }

  #settle({ id, result, refused }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (refused === undefined) waiting?.resolve(result as never);
    else waiting?.reject(new Refused(refused));
  }

  /** At most one at a time. */
  #askForSnapshot(): void {
    const now = performance.now();
    if (now - this.#asked < PATIENCE_MS) return;
    this.#asked = now;
    this.request("snapshot", {}).catch(() => undefined);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Not crypto's, which pages without TLS do not have. */
export function randomId(): string {
  return Math.random().toString(36).slice(2);
}

function readEverything(model: Model): Everything {
  return {
    seq: (model.get("seq") as number | undefined) ?? 0,
    total: (model.get("total") as number | undefined) ?? 0,
    messages: (model.get("messages") as Message[] | undefined) ?? [],
    turns: (model.get("turns") as Turn[] | undefined) ?? [],
  };
}
