/** Tells when the kernel of a widget ends, however it does, where the front end has JupyterLab's own objects. */

import type { Model } from "./anywidget.ts";

/** JupyterLab's words for a kernel that is no longer the one it was. */
const ENDS = new Set(["restarting", "autorestarting", "dead", "terminating"]);

interface Manager {
  context?: { sessionContext?: { statusChanged?: StatusSignal } };
}

interface StatusSignal {
  connect(slot: (sender: unknown, status: string) => void): unknown;
  disconnect(slot: (sender: unknown, status: string) => void): unknown;
}

export function whenKernelEnds(model: Model, gone: () => void, signal: AbortSignal): void {
  const changed = (model.widget_manager as Manager | undefined)?.context?.sessionContext?.statusChanged;
  const heard = (_: unknown, status: string) => {
    if (ENDS.has(status)) gone();
  };
  changed?.connect(heard);
  signal.addEventListener("abort", () => changed?.disconnect(heard));
}
