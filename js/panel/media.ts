/** What was sent with a question, or given by a tool: pictures, the rest in words. Nothing here asks the network for anything. */

import { isSafeLink } from "../markdown/links.ts";
import { h } from "./element.ts";
import type { Medium } from "./protocol.ts";

/** What Python makes of a picture's own bytes. No SVG: it is a document, with scripts in it. */
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

export function mediaList(media: readonly Medium[], label = "Sent with the question"): HTMLElement {
  return h(
    "ul",
    { class: "nbp-media", "aria-label": label, hidden: media.length === 0 },
    ...media.map((medium) => h("li", {}, ...shown(medium))),
  );
}

function shown({ words, picture = "", link = "" }: Medium): (HTMLElement | string)[] {
  if (PICTURE.test(picture)) {
    return [h("img", { src: picture, alt: words, title: words }), h("span", { "aria-hidden": true }, words)];
  }
  return [
    isSafeLink(link) ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, words) : words,
  ];
}
