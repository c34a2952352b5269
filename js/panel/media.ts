/** What was sent with a question, or given by a tool: pictures, the rest in words. Nothing here asks the network for anything. */

import { isSafeLink } from "../markdown/links.ts";
import { h } from "./element.ts";
import type { Medium } from "./protocol.ts";

/** What Python makes of a picture's own bytes. No SVG: it is a document, with scripts in it. */
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$/;

export function isPicture(address: string | undefined): address is string {
  return address !== undefined && PICTURE.test(address);
}

export function mediaList(media: readonly Medium[]): HTMLElement {
  return h(
    "ul",
    { class: "nbp-media", "aria-label": "Sent with the question", hidden: media.length === 0 },
    ...media.map((medium) => h("li", {}, ...shown(medium, medium.words))),
  );
}

/** What a tool gave: the picture is named after the tool, since its size stands below it. */
export function givenList(media: readonly Medium[], tool: string): HTMLElement {
  const items = media.map((medium) => h("li", {}, ...shown(medium, `Picture from ${tool}`)));
  return h("ul", { class: "nbp-media", "aria-label": `Given by ${tool}` }, ...items);
}

function shown({ words, picture = "", link = "" }: Medium, alt: string): (HTMLElement | string)[] {
  if (isPicture(picture)) {
    return [h("img", { src: picture, alt, title: words }), h("span", { "aria-hidden": true }, words)];
  }
  return [
    isSafeLink(link) ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, words) : words,
  ];
}
