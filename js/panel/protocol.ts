/** What passes between Python and the panel; mirrored by panel.py, desk.py, requests.py, transcript.py, inflight.py, uploads.py and shading.py in nbchat/jupyter. */

import type { Standing } from "../cell/call.ts";

/** A call of a tool, which the model asks for. What is there no more or not yet is left out. */
export interface Call extends Standing {
  id: string;
  name: string;
  /** Each on a line of its own. */
  arguments: string;
  result?: string;
  /** How many pictures, sounds and files it gave. */
  media?: number;
}

export interface Meter {
  /** Seconds to the first token; tokens; tokens a second; US dollars. */
  first?: number;
  tokens?: number;
  rate?: number;
  cost?: number;
}

/** A picture, a sound or a file that was sent: in words, with a small picture of it, or with the address where it is. */
export interface Medium {
  words: string;
  picture?: string;
  link?: string;
}

/** How many bytes a file, a picture (which is scaled down) and one message may have. */
export interface Accepts {
  file: number;
  picture: number;
  piece: number;
}

/** What an uploaded file is to a model. */
export interface Uploaded {
  kind: "image" | "audio" | "file";
  about: string;
  /** About how many. */
  tokens?: number;
  picture?: string;
  notes?: string[];
}

/** A settled message. What is empty is left out. */
export interface Message {
  id: string;
  turn: string;
  role: string;
  status: "done" | "cancelled" | "failed" | "refused";
  /** How many answers of its turn there are above it. */
  round?: number;
  /** It is not the last answer of its turn, or may not be. */
  open?: boolean;
  /** What a tool gave: it stands with the call. */
  inside?: boolean;
  text?: string;
  reasoning?: string;
  media?: Medium[];
  /** About how many tokens a question is that is not only text. */
  tokens?: number;
  calls?: Call[];
  /** How it ended, in words, if not of itself. */
  note?: string;
  model?: string;
  error?: string;
  cell?: boolean;
  meter?: Meter;
  /** Whether it is known how likely its tokens were. */
  likely?: boolean;
  branches?: { at: number; ids: string[] };
  choices?: { id: string; text: string; reasoning: string; likely?: boolean }[];
}

/** Some of an answer's tokens, with how likely they were; `lines` end after one, `levels` are the shades in words. */
export interface Probabilities {
  total: number;
  tokens: [text: string, level: number | null, said: string, lines: number][];
  levels: string[];
}

export type TurnState =
  | "queued"
  | "waiting"
  | "streaming"
  | "retrying"
  /** Tools run. */
  | "calling"
  /** One waits for the reader's word. */
  | "asking"
  | "failed";

/** A turn that is not settled yet, or that failed and left nothing. */
export interface Turn {
  id: string;
  state: TurnState;
  note: string;
  /** How many answers of it are settled. */
  round: number;
  /** Null where it is settled, or an earlier question is answered again. */
  question: string | null;
  media: Medium[];
  model: string | null;
  /** How many messages stay above it; null for all. */
  keep: number | null;
  /** Seconds since 1970. */
  created: number;
  texts: string[];
  reasoning: string[];
  error: string | null;
}

export type Part = [choice: number, kind: "text" | "reasoning", offset: number, text: string];

export interface Everything {
  seq: number;
  total: number;
  /** The last of them. */
  messages: Message[];
  turns: Turn[];
}

export type Numbered = { seq: number } & (
  | { type: "delta"; turn: string; parts: Part[] }
  | { type: "turn"; turn: Turn }
  | { type: "gone"; turn: string }
  /** How a call stands now: the message, and which of its calls. */
  | { type: "call"; at: number; number: number; call: Call }
  /** The conversation is another from `keep` on; `messages` are those from `from` on, `turns` what is not settled. */
  | { type: "path"; keep: number; from: number; total: number; messages: Message[]; turns: Turn[] }
);

export type Reply = { type: "reply"; id: number; result?: unknown; refused?: string };

export type FromPython = Numbered | Reply | ({ type: "snapshot" } & Everything);

/** A request field, as its own declaration has it. */
export interface Field {
  name: string;
  control: "slider" | "number" | "choice" | "switch" | "tags" | "text" | "json";
  low: number | null;
  high: number | null;
  reach: [number | null, number | null];
  step: number | null;
  /** Where the control stands when it is switched on. */
  start: number | null;
  choices: string[];
  help: string;
}

export interface About {
  endpoint: string;
  model: string | null;
  models: string[];
  prompt: number;
  completion: number;
  cost: number | null;
}

/** The requests, and what they are answered with. */
export interface Requests {
  ask: [{ text: string; files?: string[]; raw?: boolean }, { turn: string; notice: string | null }];
  edit: [{ node: string; text: string; raw?: boolean }, { turn: string; notice: string | null }];
  regenerate: [{ node: string }, { turn: string; notice: string | null }];
  retry: [{ turn: string }, { turn: string; notice: string | null }];
  dismiss: [{ turn: string }, null];
  stop: [{ turn?: string }, null];
  attend: [{ page: string; open: boolean }, null];
  approve: [{ turn: string; call: string; allowed: boolean }, null];
  media: [{ node: string; call: number }, Medium[]];
  go: [{ node: string }, null];
  drop: [{ turn: string }, null];
  clear: [{ undo?: boolean }, null];
  set: [{ name: string; value: unknown }, null];
  system: [{ text: string }, null];
  reset: [Record<string, never>, null];
  earlier: [{ before: number; count: number }, { from: number; messages: Message[] }];
  markdown: [{ start: number }, { from: number; total: number; texts: string[] }];
  preview: [
    { text: string; files?: string[]; whole?: boolean },
    { json: string; curl: string; python: string; shortened: boolean },
  ];
  probabilities: [{ node: string; start: number }, Probabilities];
  complete: [{ text: string }, string[]];
  models: [Record<string, never>, string[]];
  snapshot: [Record<string, never>, null];
  maths: [Record<string, never>, string];
  /** A piece of a file, which is the message's buffer; the last one is answered with what it is. */
  upload: [{ page: string; file: string; name: string; size: number; offset: number }, Uploaded | null];
  discard: [{ files: string[] }, null];
}
