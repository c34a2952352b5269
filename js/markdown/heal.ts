/** Closes what the growing tail has left open, so that `**half a bold` is bold before its end has arrived. */

import remend from "remend";

/** Only what leads to the same nodes as the finished text: the rest of remend is for renderers unlike ours. */
const OPTIONS = {
  comparisonOperators: false,
  htmlTags: false,
  katex: false,
  linkMode: "text-only",
  singleTilde: false,
} as const;

export function heal(tail: string): string {
  return remend(tail, OPTIONS);
}
