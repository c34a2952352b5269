/**
 * The page's one copy of this code, for all cells of one build.
 *
 * Every widget carries its own module to the browser, so each cell would bring the whole bundle again. Instead one hub
 * brings it, and cells are stubs that find it here. The build is part of the key: two notebooks in one page may have
 * kernels with different versions of nbchat.
 */

import type { Widget } from "./anywidget.ts";

declare const __BUILD__: string;

/** Names the code: stub and bundle of one build agree on how they speak. */
export const BUILD = typeof __BUILD__ === "undefined" ? "test" : __BUILD__;

interface Entry {
  code: (() => Widget) | null;
  readonly waiting: Set<(code: () => Widget) => void>;
  /** When Python was last asked for the code, so that a page of many cells asks once. */
  asked: number;
}

const KEY = Symbol.for("nbchat.cells");

export function entry(build: string): Entry {
  const page = globalThis as unknown as { [KEY]?: Map<string, Entry> };
  page[KEY] ??= new Map();
  const known = page[KEY].get(build) ?? { code: null, waiting: new Set(), asked: Number.NEGATIVE_INFINITY };
  page[KEY].set(build, known);
  return known;
}

/** Hands the code to everybody who waits for it, and to those who come later. */
export function provide(build: string, code: () => Widget): void {
  const known = entry(build);
  known.code ??= code;
  for (const use of known.waiting) use(known.code);
  known.waiting.clear();
}
