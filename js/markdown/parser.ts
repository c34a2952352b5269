/** The one Markdown grammar of nbchat: CommonMark with tables, strikethrough, task lists and bare links; no HTML. */

import createMarkdownIt, { type Env, type MarkdownIt } from "markdown-it";
import { highlight } from "./highlight.ts";
import { isSafeLink, remoteHost } from "./links.ts";
import { math } from "./math.ts";
import { taskLists } from "./tasks.ts";

/** What one parse carries along; `references` is markdown-it's own table of link definitions. */
export interface Environment extends Env {
  /** Colours are for code that will not change any more. */
  highlight?: boolean;
}

export const parser = createParser();

function createParser(): MarkdownIt {
  const md = createMarkdownIt({ html: false, linkify: true });
  // Bare `example.com` stays text, as in JupyterLab; the schemes that links may have are in links.ts.
  md.linkify.set({ fuzzyLink: false });
  // Links are judged when they are drawn, so that a refused one still reads as its text.
  md.validateLink = () => true;
  md.use(taskLists);
  md.use(math);
  drawLinks(md);
  drawImages(md);
  drawCode(md);
  drawCells(md);
  return md;
}

function drawLinks(md: MarkdownIt): void {
  md.renderer.rules.link_open = (tokens, index, options, _env, self) => {
    const token = tokens[index];
    if (!token) return "";
    if (isSafeLink(String(token.attrGet("href") ?? ""))) {
      token.attrSet("target", "_blank");
      token.attrSet("rel", "noopener noreferrer");
    } else {
      token.attrs = null;
    }
    return self.renderToken(tokens, index, options);
  };
}

/** An image's address can carry the conversation away, so nothing is fetched before the reader asks. */
function drawImages(md: MarkdownIt): void {
  md.renderer.rules.image = (tokens, index, options, env, self) => {
    const token = tokens[index];
    const source = String(token?.attrGet("src") ?? "");
    const alt = self.renderInlineAsText(token?.children ?? [], options, env);
    const host = remoteHost(source);
    if (host === null) return md.utils.escapeHtml(alt);
    const attributes = `type="button" class="nbchat-image" data-src="${md.utils.escapeHtml(source)}"`;
    const label = `Load image from ${host}`;
    const name = alt ? `${alt} (${label})` : label;
    return `<button ${attributes} data-alt="${md.utils.escapeHtml(alt)}">${md.utils.escapeHtml(name)}</button>`;
  };
}

function drawCode(md: MarkdownIt): void {
  md.renderer.rules.fence = (tokens, index, _options, env?: Environment) => {
    const token = tokens[index];
    if (!token) return "";
    const language = /^[\w+#.-]+/.exec(token.info.trim())?.[0] ?? "";
    const coloured = env?.highlight ? highlight(token.content, language) : null;
    const attribute = language ? ` class="language-${language}"` : "";
    return `<pre><code${attribute}>${coloured ?? md.utils.escapeHtml(token.content)}</code></pre>\n`;
  };
}

/** `align` instead of markdown-it's `style`, which a strict page refuses. */
function drawCells(md: MarkdownIt): void {
  for (const name of ["th_open", "td_open"]) {
    md.renderer.rules[name] = (tokens, index, options, _env, self) => {
      const token = tokens[index];
      const style = token?.attrGet("style");
      if (token && style) token.attrs = [["align", String(style).replace("text-align:", "")]];
      return self.renderToken(tokens, index, options);
    };
  }
}
