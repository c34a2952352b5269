/** The chat panel: one connection for a model, any number of views on it. */

import type { InitializeProps, RenderProps, Widget } from "../cell/anywidget.ts";
import { whenKernelEnds } from "../cell/kernel.ts";
import { Attendance } from "./attendance.ts";
import { Connection } from "./connection.ts";
import { Notebook } from "./notebook.ts";
import { PanelView } from "./panel.ts";
import { SavedForm } from "./saved.ts";

// A default export only: a named `render` would switch anywidget to its old mode, without `initialize`.
export default (): Widget => {
  let connection: Connection | undefined;
  let notebook: Notebook | undefined;
  let attendance: Attendance | undefined;
  return {
    initialize({ model, signal }: InitializeProps): void {
      connection = new Connection(model, signal);
      attendance = new Attendance(connection, signal);
      notebook = new Notebook(model);
      whenKernelEnds(model, () => connection?.lose(), signal);
      const saved = new SavedForm(connection, signal);
      notebook.keepAsMarkdown(() => saved.markdown());
      notebook.restoreView();
    },
    render({ el, signal }: RenderProps): void {
      attendance?.add(signal);
      if (connection && notebook) new PanelView(connection, notebook, el, signal);
    },
  };
};
