/** One line that says which tool is called and how that stands. While it runs, it counts the seconds itself. */

/** As nbchat/session/calls.py has it. */
export type CallState =
  | "pending"
  | "asking"
  | "running"
  | "done"
  | "failed"
  | "refused"
  | "cancelled"
  | "unrun";

export interface Standing {
  /** The call, as Python has calls. */
  line: string;
  state: CallState;
  /** It took, or runs already. */
  seconds?: number | null;
  /** What is asked at the keyboard that waits for a word. */
  question?: string;
}

const WORDS: Record<CallState, string> = {
  pending: "no result yet",
  asking: "asks to be allowed",
  running: "running",
  done: "done",
  failed: "failed",
  refused: "not allowed",
  cancelled: "stopped",
  unrun: "cut off, not called",
};
const TICK_MS = 500;

export class CallLine {
  readonly element = document.createElement("span");
  readonly #call = document.createElement("code");
  readonly #how = document.createElement("span");
  #ticking: ReturnType<typeof setInterval> | undefined;

  constructor() {
    this.element.className = "nbchat-call";
    this.#how.className = "nbchat-call-how";
    this.element.append(this.#call, " ", this.#how);
  }

  show({ line, state, seconds }: Standing): void {
    clearInterval(this.#ticking);
    this.element.dataset.state = state;
    this.#call.textContent = line;
    this.#how.textContent = standing(state, seconds);
    if (state !== "running") return;
    const began = performance.now() - (seconds ?? 0) * 1000;
    this.#ticking = setInterval(() => {
      if (!this.element.isConnected) clearInterval(this.#ticking);
      else this.#how.textContent = standing(state, (performance.now() - began) / 1000);
    }, TICK_MS);
  }
}

function standing(state: CallState, seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return WORDS[state];
  if (state === "done") return `done in ${inSeconds(seconds)}`;
  if (state === "failed") return `failed after ${inSeconds(seconds)}`;
  return state === "running" && seconds >= 1 ? `running for ${Math.floor(seconds)} s` : WORDS[state];
}

export function inSeconds(time: number): string {
  if (time < 0.0995) return `${Math.round(time * 1000)} ms`;
  return time < 9.95 ? `${time.toFixed(1)} s` : `${Math.round(time)} s`;
}
