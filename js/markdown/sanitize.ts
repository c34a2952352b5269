/** The last gate: whatever the parser made, only these elements, attributes and addresses reach the page. */

import createDOMPurify, { type DOMPurify } from "dompurify";
import { isSafeLink } from "./links.ts";

const TAGS =
  "a blockquote br button code del em h1 h2 h3 h4 h5 h6 hr input li ol p pre s span strong table tbody td th thead tr ul";
const ATTRIBUTES = "align checked class data-alt data-src disabled href rel start target title type";

let purifier: DOMPurify | undefined;

export function sanitize(html: string): DocumentFragment {
  purifier ??= createPurifier();
  return purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS.split(" "),
    ALLOWED_ATTR: ATTRIBUTES.split(" "),
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

/** An instance of our own: hooks on the shared one would change what other extensions of the page see. */
function createPurifier(): DOMPurify {
  const own = createDOMPurify(window);
  own.addHook("afterSanitizeAttributes", (element) => {
    if (element.tagName === "A") guardLink(element);
    if (element.tagName === "INPUT") element.setAttribute("disabled", "");
  });
  return own;
}

function guardLink(element: Element): void {
  if (isSafeLink(element.getAttribute("href"))) {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer");
  } else {
    element.removeAttribute("href");
  }
}
