import { expect, test } from "vitest";
import { Answer, type Change } from "../cell/answer.ts";
import type { Delta, Traits } from "../cell/protocol.ts";

const FRESH: Traits = {
  texts: [""],
  reasoning: "",
  seq: 0,
  status: "running",
  note: "",
  format: "markdown",
  label: "Answer",
  final: null,
};

const delta = (seq: number, text: string): Delta => ({ type: "delta", seq, texts: [[0, text]] });

test("deltas in order make the text, and each is told once", () => {
  const answer = new Answer(FRESH);
  const changes: Change[] = [];
  answer.subscribe((change) => changes.push(change));
  expect([delta(1, "a"), delta(2, "b"), delta(2, "b")].map((each) => answer.applyDelta(each))).toEqual([
    true,
    true,
    true,
  ]);
  expect(answer.texts).toEqual(["ab"]);
  expect(changes).toEqual([
    { kind: "text", choice: 0, text: "a" },
    { kind: "text", choice: 0, text: "b" },
  ]);
});

test("after a gap nothing is shown out of order, and a snapshot heals it", () => {
  const answer = new Answer(FRESH);
  answer.applyDelta(delta(1, "a"));
  expect(answer.applyDelta(delta(3, "c"))).toBe(false);
  expect(answer.applyDelta(delta(4, "d"))).toBe(false);
  expect(answer.texts).toEqual(["a"]);
  expect(answer.applySnapshot({ seq: 3, texts: ["abc"], reasoning: "" })).toBe(true);
  expect(answer.texts).toEqual(["abcd"]);
});

test("a snapshot that is older than what is known changes nothing", () => {
  const answer = new Answer({ ...FRESH, seq: 5, texts: ["hello"] });
  answer.applySnapshot({ seq: 4, texts: ["hell"], reasoning: "" });
  expect(answer.texts).toEqual(["hello"]);
});

test("a snapshot may leave a gap of its own", () => {
  const answer = new Answer(FRESH);
  answer.applyDelta(delta(4, "d"));
  expect(answer.applySnapshot({ seq: 2, texts: ["ab"], reasoning: "" })).toBe(false);
  expect(answer.applySnapshot({ seq: 3, texts: ["abc"], reasoning: "" })).toBe(true);
  expect(answer.texts).toEqual(["abcd"]);
});

test("choices and reasoning grow side by side", () => {
  const answer = new Answer({ ...FRESH, texts: ["", ""] });
  answer.applyDelta({ type: "delta", seq: 1, texts: [[1, "b"]], reasoning: "hm" });
  answer.applyDelta({
    type: "delta",
    seq: 2,
    texts: [
      [0, "a"],
      [1, "c"],
    ],
  });
  expect([answer.texts, answer.reasoning]).toEqual([["a", "bc"], "hm"]);
});
