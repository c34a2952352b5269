import { afterEach, expect, test } from "vitest";
import cell from "../cell/index.ts";
import { FakeModel } from "./model.ts";

/** A hub for the length of a test, as a kernel opens it: it has no answer of its own. */
function hub() {
  const model = new FakeModel({ rounds: undefined });
  const controller = new AbortController();
  closing.push(controller);
  cell().initialize({ model, signal: controller.signal });
  return { model, close: () => controller.abort() };
}

const closing: AbortController[] = [];

/** What the notebook draws of a finished cell with two answers. */
function shown(turn = "t"): HTMLElement {
  const output = document.createElement("div");
  const column = '<div class="nbchat-column"><p>text</p></div>';
  output.innerHTML = `<nbchat-choices turn="${turn}"><div class="nbchat-row">${column}${column}</div></nbchat-choices>`;
  document.body.append(output);
  return output;
}

const below = (output: HTMLElement) =>
  [...output.querySelectorAll(".nbchat-column")].map((column) => column.children[1]?.textContent);
const told = (more: object) => ({ type: "choices", turn: "t", ...more });
const HERE = "The conversation goes on from here";
const BUTTON = "Continue from this one";

afterEach(() => {
  for (const controller of closing.splice(0)) controller.abort();
  document.body.replaceChildren();
});

test("a kernel is asked about what is in the page, whichever was there first", () => {
  shown("before");
  const { model } = hub();
  shown("after");
  expect(model.sent).toEqual([
    { type: "choices", turn: "before" },
    { type: "choices", turn: "after" },
  ]);
});

test("the one that the conversation goes on from says so, the others have a button", () => {
  const output = shown();
  const { model } = hub();
  expect(below(output)).toEqual([undefined, undefined]);
  model.receive(told({ chosen: 0 }));
  expect(below(output)).toEqual([HERE, BUTTON]);
  output.querySelector("button")?.click();
  output.querySelector("button")?.click();
  expect(model.sent.slice(1)).toEqual([{ type: "choices", turn: "t", choose: 1 }]);
  model.receive(told({ chosen: 1 }));
  expect(below(output)).toEqual([BUTTON, HERE]);
  model.receive(told({ chosen: null }));
  expect(below(output)).toEqual([BUTTON, BUTTON]);
});

test("the keyboard stays where it was pressed", () => {
  const output = shown();
  const { model } = hub();
  model.receive(told({ chosen: 0 }));
  output.querySelector("button")?.focus();
  model.receive(told({ chosen: 1 }));
  expect(document.activeElement?.textContent).toBe(HERE);
  model.receive(told({ chosen: 0 }));
  expect(document.activeElement?.textContent).toBe(BUTTON);
});

test("a refusal is said as text, and may be tried again", () => {
  const output = shown();
  const { model } = hub();
  model.receive(told({ chosen: 0 }));
  output.querySelector("button")?.click();
  model.receive(told({ refused: "Gone <b>." }));
  expect(output.querySelector("[role=alert]")?.textContent).toBe("Gone <b>.");
  output.querySelector("button")?.click();
  expect(model.sent).toHaveLength(3);
  model.receive(told({ chosen: 1 }));
  expect(output.querySelector("[role=alert]")).toBeNull();
});

test("a kernel that does not know them changes nothing, one that ends takes its buttons along", () => {
  const output = shown();
  const [known, other] = [hub(), hub()];
  other.model.receive(told({ refused: "Unknown." }));
  expect(output.querySelector(".nbchat-go-on")).toBeNull();
  known.model.receive(told({ chosen: 0 }));
  other.close();
  expect(below(output)).toEqual([HERE, BUTTON]);
  known.model.trigger("comm:close");
  expect(below(output)).toEqual([undefined, undefined]);
  known.model.receive(told({ chosen: 0 }));
  expect(below(output)).toEqual([undefined, undefined]);
});
