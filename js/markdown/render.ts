/** Markdown in, safe nodes out. Every parse of an inline text passes here, so that its cost can be counted. */

import { type Environment, parser } from "./parser.ts";
import { sanitize } from "./sanitize.ts";

/** Characters parsed since the page was opened: the streams' cost, as the tests measure it. */
export const meter = { parsed: 0 };

/** Renders what will not change any more; link definitions found on the way are added to `env`. */
export function renderSettled(source: string, env: Environment = {}): DocumentFragment {
  return render(source, Object.assign(env, { highlight: true }));
}

/** Renders what is still growing: definitions made so far count, new ones are not kept. */
export function renderGrowing(source: string, env: Environment): DocumentFragment {
  return render(source, {
    references: Object.create(env.references ?? null) as NonNullable<Environment["references"]>,
    highlight: false,
  });
}

function render(source: string, env: Environment): DocumentFragment {
  meter.parsed += source.length;
  return sanitize(parser.render(source, env));
}
