import { expect, test, vi } from "vitest";
import type { Actions } from "../panel/actions.ts";
import { AnswerView } from "../panel/answer.ts";
import type { Formulas } from "../panel/formulas.ts";
import type { Message, Probabilities } from "../panel/protocol.ts";
import { freshPages } from "./page.ts";

const LEVELS = ["likely", "unlikely"];
const MESSAGE: Message = {
  id: "a",
  turn: "t",
  role: "assistant",
  status: "done",
  text: "**Hi**",
  likely: true,
};
const page = (total: number, ...tokens: Probabilities["tokens"]): Probabilities => ({
  total,
  tokens,
  levels: LEVELS,
});

function start(message: Message, answers: (Probabilities | null)[]) {
  const asked: [string, number][] = [];
  const probabilities = async (node: string, start: number) => {
    asked.push([node, start]);
    return answers.shift() ?? null;
  };
  const view = new AnswerView({ probabilities } as unknown as Actions, { add() {} } as unknown as Formulas);
  view.showMessage(message);
  document.body.append(view.element);
  const toggle = () =>
    view.element.querySelector<HTMLButtonElement>('[aria-label="Show how likely each token was"]');
  const press = async () => {
    toggle()?.click();
    await vi.advanceTimersByTimeAsync(0);
  };
  const texts = () => [...view.element.querySelectorAll<HTMLElement>(".nbchat-choice")];
  const tokens = () => [...view.element.querySelectorAll<HTMLElement>(".nbchat-tokens")];
  return { view, asked, toggle, press, texts, tokens };
}

const hidden = (elements: HTMLElement[]) => elements.map((element) => element.hidden);

freshPages();

test("there is a button only where there is something to show", () => {
  expect(start(MESSAGE, []).toggle()?.getAttribute("aria-pressed")).toBe("false");
  expect(start({ ...MESSAGE, likely: false }, []).toggle()).toBeNull();
});

test("pressed, the tokens stand in place of the text, as text; pressed again, the text does", async () => {
  const tokens = page(
    3,
    ["<b>", 0, "“<b>” 95 %", 0],
    ["⏎", 1, "“⏎” 2 %\nor “<i>” 1 %", 1],
    ["x", null, "?", 0],
  );
  const { view, asked, toggle, press, texts, tokens: drawn } = start(MESSAGE, [tokens]);
  await press();
  expect([toggle()?.getAttribute("aria-pressed"), hidden(texts()), hidden(drawn())]).toEqual([
    "true",
    [true],
    [false],
  ]);
  const labels = [...view.element.querySelectorAll("label")];
  expect(labels.map(({ className, textContent }) => [className, textContent])).toEqual([
    ["nbchat-token nbchat-token-0", "<b>"],
    ["nbchat-token nbchat-token-1", "⏎"],
    ["nbchat-token", "x"],
  ]);
  expect(labels[1]?.nextSibling?.textContent).toBe("\n");
  expect(labels.map((label) => label.dataset.nbchatLikely)).toEqual(tokens.tokens.map(([, , said]) => said));
  const buttons = [...view.element.querySelectorAll<HTMLInputElement>("label > input[type=radio]")];
  expect(new Set(buttons.map(({ name }) => name)).size).toBe(1);
  expect(buttons[1]?.getAttribute("aria-description")).toBe("“⏎” 2 %\nor “<i>” 1 %");
  expect(view.element.querySelector("[role=radiogroup]")?.getAttribute("aria-label")).toBe(
    "Tokens by probability",
  );
  expect(view.element.querySelector(".nbchat-tokens-key")?.textContent?.trim()).toBe("likely unlikely");
  await press();
  expect([toggle()?.getAttribute("aria-pressed"), hidden(texts()), hidden(drawn())]).toEqual([
    "false",
    [false],
    [true],
  ]);
  await press();
  expect([asked, hidden(drawn())]).toEqual([[["a", 0]], [false]]);
});

test("of a long answer more is asked for where the first part ends", async () => {
  const { view, asked, press } = start(MESSAGE, [
    page(3, ["a", 0, "", 0], ["b", 0, "", 0]),
    page(3, ["c", 0, "", 0]),
  ]);
  await press();
  const more = view.element.querySelector<HTMLButtonElement>(".nbchat-tokens button");
  expect([more?.hidden, more?.textContent]).toEqual([false, "Show more of the 1 tokens that follow"]);
  more?.click();
  await vi.advanceTimersByTimeAsync(0);
  expect([asked, more?.hidden]).toEqual([
    [
      ["a", 0],
      ["a", 2],
    ],
    true,
  ]);
  expect(document.activeElement?.closest("label")?.textContent).toBe("c");
});

test("where nothing can be told the text stays, and the button is not pressed", async () => {
  const { toggle, press, texts } = start(MESSAGE, [null]);
  await press();
  expect([toggle()?.getAttribute("aria-pressed"), hidden(texts())]).toEqual(["false", [false]]);
});

test("pressed twice before the answer comes, the text stays", async () => {
  const { toggle, press, texts, tokens } = start(MESSAGE, [page(1, ["a", 0, "", 0])]);
  toggle()?.click();
  await press();
  expect([hidden(texts()), hidden(tokens())]).toEqual([[false], [true]]);
});

test("of several choices each shows its own, and what is told anew of the message changes nothing", async () => {
  const choices = ["a", "b", "c"].map((id) => ({ id, text: id, reasoning: "", likely: id !== "c" }));
  const message = { ...MESSAGE, choices };
  const { view, asked, press, texts, toggle } = start(message, [
    page(1, ["A", 0, "", 0]),
    page(1, ["B", 0, "", 0]),
  ]);
  await press();
  view.showMessage({ ...message, meter: { cost: 1 } });
  await vi.advanceTimersByTimeAsync(0);
  expect([asked, hidden(texts()), toggle()?.getAttribute("aria-pressed")]).toEqual([
    [
      ["a", 0],
      ["b", 0],
    ],
    [true, true, false],
    "true",
  ]);
  expect([...view.element.querySelectorAll("label")].map((label) => label.textContent)).toEqual(["A", "B"]);
});
