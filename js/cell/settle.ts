/**
 * Makes sure that the notebook keeps the answer, not the widget.
 *
 * Normally the kernel has replaced the output by then. After a page reload that replacement is lost, and the output in the
 * notebook's model is still ours: it is replaced here. All of this reaches into JupyterLab's and Notebook's own objects,
 * which other front ends lack, so nothing is taken for granted.
 */

import type { Model } from "./anywidget.ts";
import type { Final } from "./protocol.ts";

const WIDGET = "application/vnd.jupyter.widget-view+json";
/** How long the kernel's own replacement may take to arrive. */
const GRACE_MS = 400;

interface Outputs {
  length: number;
  get(index: number): { toJSON(): { data?: Record<string, unknown> } };
  set(index: number, output: unknown): void;
}

/** True when no output of the notebook shows the widget any more; false where that can't be known. */
export async function settle(model: Model, final: Final, signal: AbortSignal): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
  if (signal.aborted) return false;
  try {
    return replaceOutputs(model, final);
  } catch (error) {
    console.warn("nbchat: the answer could not be put into the notebook.", error);
    return false;
  }
}

function replaceOutputs(model: Model, final: Final): boolean {
  const cells = notebookCells(model);
  if (!cells) return false;
  for (const cell of cells) {
    const outputs = (cell as { outputs?: Outputs }).outputs;
    if (!outputs) continue;
    for (let index = 0; index < outputs.length; index += 1) {
      const view = outputs.get(index).toJSON().data?.[WIDGET] as { model_id?: string } | undefined;
      if (!view?.model_id || view.model_id !== final.model_id) continue;
      outputs.set(index, { output_type: "display_data", data: final.data, metadata: final.metadata });
    }
  }
  return true;
}

function notebookCells(model: Model): Iterable<unknown> | null {
  const manager = model.widget_manager as { context?: { model?: { cells?: Iterable<unknown> } } } | undefined;
  const cells = manager?.context?.model?.cells;
  return cells && typeof cells[Symbol.iterator] === "function" ? cells : null;
}
