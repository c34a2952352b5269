/**
 * What a cell's widget carries instead of the whole code: it borrows the page's copy, and shows plain text until it is there.
 *
 * The hub that brings the copy is opened before the first cell, and restored with the page. Where it is missing all the
 * same, Python is asked. Nothing here waits: anywidget gives a widget two seconds to initialize.
 */

import type { InitializeProps, Model, RenderProps, Widget } from "./anywidget.ts";
import { evaluate } from "./evaluate.ts";
import { PlainView } from "./plain_view.ts";
import { BUILD, entry } from "./registry.ts";

/** How long the hub may take before Python is asked. */
const HUB_MS = 1000;
const PATIENCE_MS = 10_000;

interface CodeMessage {
  type: "code";
  esm: string;
  css: string;
}

export default (): Widget => {
  let widget: Widget | null = null;
  const views = new Set<() => void>();
  const backlog: unknown[] = [];

  return {
    initialize({ model, signal }: InitializeProps): void {
      const known = entry(BUILD);
      const use = (code: () => Widget) => {
        if (signal.aborted) return;
        model.off("msg:custom", keep);
        widget = code();
        widget.initialize({ model: replaying(model, backlog), signal });
        for (const redraw of views) redraw();
        views.clear();
      };
      const keep = (message: unknown) => {
        if ((message as { type?: string }).type === "code") void load(message as CodeMessage);
        else backlog.push(message);
      };
      if (known.code) {
        use(known.code);
        return;
      }
      model.on("msg:custom", keep);
      known.waiting.add(use);
      const timer = setInterval(() => {
        if (widget) clearInterval(timer);
        else askOnce(model);
      }, HUB_MS);
      signal.addEventListener("abort", () => {
        clearInterval(timer);
        known.waiting.delete(use);
        model.off("msg:custom", keep);
      });
    },

    render(props: RenderProps): void {
      if (widget) {
        widget.render(props);
        return;
      }
      const plain = new PlainView(props.model, backlog, props.el);
      props.signal.addEventListener("abort", () => plain.remove());
      views.add(() => {
        plain.remove();
        if (!props.signal.aborted) widget?.render(props);
      });
    },
  };
};

/** The model as it was before the first message: the code hears all of them, in order. */
function replaying(model: Model, backlog: unknown[]): Model {
  return {
    get: (name) => model.get(name),
    off: (event, callback) => model.off(event, callback),
    send: (message) => model.send(message),
    widget_manager: model.widget_manager,
    on(event, callback) {
      if (event === "msg:custom") for (const message of backlog) callback(message);
      model.on(event, callback);
    },
  };
}

function askOnce(model: Model): void {
  const known = entry(BUILD);
  const now = performance.now();
  if (now - known.asked < PATIENCE_MS) return;
  known.asked = now;
  model.send({ type: "code" });
}

/** Evaluating the bundle is enough: it provides itself. */
async function load({ esm, css }: CodeMessage): Promise<void> {
  if (entry(BUILD).code) return;
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  await evaluate(esm);
}
