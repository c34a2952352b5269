/** One choice on the page: Markdown that grows, or plain text that grows, under a heading where there are several. */

import { appendText } from "../markdown/plain.ts";
import { MarkdownStream } from "../markdown/stream.ts";
import type { Format } from "./protocol.ts";

export interface Choice {
  readonly element: HTMLElement;
  append(text: string): void;
  flush(): void;
  finish(): void;
}

export function makeChoice(format: Format, title: string | null): Choice {
  return format === "markdown" ? new MarkdownChoice(title) : new TextChoice(title);
}

class MarkdownChoice implements Choice {
  readonly element = document.createElement("div");
  readonly #stream: MarkdownStream;

  constructor(title: string | null) {
    // JupyterLab's own classes: the finished output has them too, so the change from one to the other is not seen.
    this.element.className = "nbchat-choice jp-RenderedHTMLCommon jp-RenderedMarkdown";
    const heading = title === null ? null : this.element.appendChild(makeHeading(title));
    this.#stream = new MarkdownStream(this.element, heading);
  }

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
  readonly element = document.createElement("div");
  readonly #text = document.createElement("pre");
  #arrived = "";

  constructor(title: string | null) {
    this.element.className = "nbchat-choice jp-RenderedText";
    if (title !== null) this.element.append(makeHeading(title));
    this.element.append(this.#text);
  }

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

/** The shape that the finished Markdown has as well: a paragraph in bold. */
function makeHeading(title: string): HTMLElement {
  const heading = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = title;
  heading.append(strong);
  return heading;
}
