/** What a widget needs of a browser that jsdom has not: it is drawn as in a notebook, and time goes on as it is told. */

import { afterEach, beforeEach, vi } from "vitest";
import type { Model, Widget } from "../cell/anywidget.ts";

/** Nothing has a size in jsdom, so that no size ever changes. */
export class NoSizes {
  observe(): void {}
  disconnect(): void {}
}

/** Begins each test of a file with a clock that stands and with these globals, and ends it with an empty page. */
export function freshPages(globals: Record<string, unknown> = {}): void {
  beforeEach(() => {
    vi.useFakeTimers();
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    document.body.replaceChildren();
  });
}

/** Shows a widget in the page, as anywidget does, until one of the signals says that it is over. */
export function show(widget: Widget, model: Model, signal: AbortSignal, view = signal): HTMLElement {
  widget.initialize({ model, signal });
  const el = document.createElement("div");
  document.body.append(el);
  widget.render({ model, el, signal: AbortSignal.any([signal, view]) });
  return el;
}
