/** What passes between Python and this widget. Names are snake_case on the wire, as in Python. */

import type { Standing } from "./call.ts";

export type Status = "queued" | "running" | "retrying" | "done" | "stopped" | "failed";
export type Format = "markdown" | "text";

/** One answer of the turn: the last, or one that asks for tools. */
export interface Round {
  /** Of its choices. */
  texts: string[];
  reasoning: string;
  calls: Standing[];
}

/** The synced traits. */
export interface Traits {
  rounds: Round[];
  seq: number;
  status: Status;
  note: string;
  format: Format;
  label: string;
  final: Final | null;
}

/** What the output becomes when the answer has ended. */
export interface Final {
  /** The widget's own id: a front end does not tell it to the widget. */
  model_id: string;
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

export interface Delta {
  type: "delta";
  seq: number;
  round: number;
  texts: [choice: number, text: string][];
  reasoning?: string;
  /** All calls of the round, as they stand now. */
  calls?: Standing[];
}

export interface Snapshot {
  type: "snapshot";
  seq: number;
  rounds: Round[];
}

export type FromPython = Delta | Snapshot | { type: "finishing" };
export type ToPython = { type: "snapshot"; id: number } | { type: "settled" };

export function isRunning(status: Status): boolean {
  return status === "queued" || status === "running" || status === "retrying";
}
