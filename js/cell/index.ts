/** The widget under a `%%chat` cell while its answer streams. */

import type { Answer } from "./answer.ts";
import type { InitializeProps, RenderProps } from "./anywidget.ts";
import { connect } from "./connection.ts";
import { show } from "./view.ts";

// A default export only: a named `render` would switch anywidget to its old mode, without `initialize`.
export default () => {
  let answer: Answer;
  return {
    initialize({ model, signal }: InitializeProps): void {
      answer = connect(model, signal);
    },
    render({ el, signal }: RenderProps): void {
      show(answer, el, signal);
    },
  };
};
