/** The gate for formulas: of what the typesetter made, only what a formula is made of reaches the page. */

import createDOMPurify, { type DOMPurify } from "dompurify";

// Without `maction`, which acts, `annotation` and `mglyph`, which hold or fetch other things, and links.
const TAGS =
  "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover span";
// Without `mathsize`, which grows by its power where it is nested, and `id`, which names things of the page.
const ATTRIBUTES =
  "accent alttext class columnalign depth display displaystyle fence form height largeop linethickness lspace mathbackground mathcolor mathvariant maxsize minsize movablelimits notation rowspacing rspace scriptlevel separator stretchy style symmetric voffset width";
/** Styles that stay within the formula. */
const STYLE =
  /^(?:padding|border|font|margin-left$|color$|display$|height$|justify-content$|math-depth$|text-align$|width$)/;

let purifier: DOMPurify | undefined;

/** Cleans a `span` where it stands. False if something else than a formula was in it, which is then gone. */
export function sanitizeFormula(holder: HTMLSpanElement): boolean {
  purifier ??= createPurifier();
  purifier.sanitize(holder, {
    ALLOWED_TAGS: TAGS.split(" "),
    ALLOWED_ATTR: ATTRIBUTES.split(" "),
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    IN_PLACE: true,
  });
  return !purifier.removed.some((removed) => "element" in removed);
}

function createPurifier(): DOMPurify {
  const own = createDOMPurify(window);
  own.addHook("afterSanitizeAttributes", (element) => {
    const { style } = element as ElementCSSInlineStyle & Element;
    for (const name of style ? [...style] : []) if (!STYLE.test(name)) style.removeProperty(name);
  });
  return own;
}
