/** One choice on the page: Markdown that grows, or plain text that grows. */

import { appendText } from "../markdown/plain.ts";
import { MarkdownStream } from "../markdown/stream.ts";
import type { Format } from "./protocol.ts";

export interface Choice {
  readonly element: HTMLElement;
  append(text: string): void;
  flush(): void;
  finish(): void;
}

export function makeChoice(format: Format): Choice {
  return format === "markdown" ? new MarkdownChoice() : new TextChoice();
}

class MarkdownChoice implements Choice {
  readonly element = div("nbchat-choice");
  readonly #stream = new MarkdownStream(this.element);

  append(text: string): void {
    this.#stream.append(text);
  }

  flush(): void {
    this.#stream.flush();
  }

  finish(): void {
    this.#stream.finish();
  }
}

class TextChoice implements Choice {
  readonly element = div("nbchat-choice");
  readonly #text = this.element.appendChild(document.createElement("pre"));
  #arrived = "";

  append(text: string): void {
    this.#arrived += text;
  }

  flush(): void {
    if (this.#arrived) appendText(this.#text, this.#arrived);
    this.#arrived = "";
  }

  finish(): void {
    this.flush();
  }
}

function div(className: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  return element;
}
