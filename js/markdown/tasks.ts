/** GFM task lists: `- [x] done` shows a box that is ticked and cannot be clicked. */

import type { MarkdownIt, Token } from "markdown-it";

const BOX = /^\[([ xX])\][ \t]/;

export function taskLists(md: MarkdownIt): void {
  md.core.ruler.after("inline", "nbchat_tasks", (state) => {
    state.tokens.forEach((token, index) => {
      const text = token.children?.[0];
      const mark = text?.type === "text" ? BOX.exec(text.content) : null;
      if (!mark || !text || !opensItem(state.tokens, index)) return;
      text.content = text.content.slice(3);
      const box = new state.Token("nbchat_task", "input", 0);
      box.attrs = [["type", "checkbox"]];
      if (mark[1] !== " ") box.attrs.push(["checked", ""]);
      box.attrs.push(["disabled", ""]);
      token.children?.unshift(box);
    });
  });
}

function opensItem(tokens: Token[], index: number): boolean {
  return tokens[index - 1]?.type === "paragraph_open" && tokens[index - 2]?.type === "list_item_open";
}
