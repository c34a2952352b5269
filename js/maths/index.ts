/** Sets TeX in type, as MathML. A bundle of its own, as large as the panel's: a panel asks for it at its first formula. */

import temml from "temml";

/** Fails where the TeX can't be set. What it gives is not to be trusted: a formula is the model's. */
export type SetInType = (tex: string, display: boolean) => HTMLSpanElement;

/** At most so many macros of Temml's own are put in, and no length is longer than so many em or pt. */
const BOUNDS = { maxExpand: 500, maxSize: [20, 200] as [number, number] };

const setInType: SetInType = (tex, display) => {
  const holder = document.createElement("span");
  // As nodes and not as text: a strict page refuses style attributes that a parser finds, but not these.
  temml.render(tex, holder, {
    ...BOUNDS,
    displayMode: display,
    throwOnError: true,
    trust: false,
    wrap: "tex",
  });
  return holder;
};

export default setInType;
