/** The widget under a `%%chat` cell while its answer streams; also the hub that brings this code to the stubs. */

import type { Answer } from "./answer.ts";
import type { InitializeProps, RenderProps, Widget } from "./anywidget.ts";
import { serveChoices } from "./choosing.ts";
import { connect } from "./connection.ts";
import { BUILD, provide } from "./registry.ts";
import { show } from "./view.ts";

function cell(): Widget {
  let answer: Answer | undefined;
  return {
    initialize({ model, signal }: InitializeProps): void {
      if (model.get("rounds") !== undefined) answer = connect(model, signal);
      else serveChoices(model, signal); // the hub, which has no answer of its own
    },
    render({ el, signal }: RenderProps): void {
      if (answer) show(answer, el, signal);
    },
  };
}

provide(BUILD, cell);

// A default export only: a named `render` would switch anywidget to its old mode, without `initialize`.
export default cell;
