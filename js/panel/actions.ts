/** What a view may have done about a message, so that views know neither Python nor the notebook. */

import type { Item } from "./attachments.ts";
import type { Medium } from "./protocol.ts";
import type { AskForTokens } from "./shading.ts";

export interface Actions {
  /** With the files that were attached; false where it was refused. */
  ask(text: string, attached?: readonly Item[]): Promise<boolean>;
  /** False where it was refused. */
  edit(node: string, text: string): Promise<boolean>;
  regenerate(node: string): void;
  retry(turn: string): void;
  dismiss(turn: string): void;
  stop(turn?: string): void;
  /** Lets a tool be called, or not. */
  approve(turn: string, call: string, allowed: boolean): void;
  /** What a call gave that is no text, by the message that asked for it and the call's number in it. */
  media(node: string, call: number): Promise<readonly Medium[]>;
  go(node: string): void;
  drop(turn: string): void;
  probabilities: AskForTokens;
  /** Says one line to the reader. */
  say(text: string): void;
  /** Puts code into the notebook as a cell below the panel; false where there is no way. */
  insertCell(code: string): boolean;
}
