import { expect, test } from "vitest";
import { Answer, type Change } from "../cell/answer.ts";
import type { Delta } from "../cell/protocol.ts";
import { FRESH, round } from "./model.ts";

const delta = (seq: number, text: string): Delta => ({ type: "delta", seq, round: 0, texts: [[0, text]] });

test("deltas in order make the text, and each is told once", () => {
  const answer = new Answer(FRESH);
  const changes: Change[] = [];
  answer.subscribe((change) => changes.push(change));
  expect([delta(1, "a"), delta(2, "b"), delta(2, "b")].map((each) => answer.applyDelta(each))).toEqual([
    true,
    true,
    true,
  ]);
  expect(answer.rounds[0]?.texts).toEqual(["ab"]);
  expect(changes).toEqual([
    { kind: "text", round: 0, choice: 0, text: "a" },
    { kind: "text", round: 0, choice: 0, text: "b" },
  ]);
});

test("after a gap nothing is shown out of order, and a snapshot heals it", () => {
  const answer = new Answer(FRESH);
  answer.applyDelta(delta(1, "a"));
  expect(answer.applyDelta(delta(3, "c"))).toBe(false);
  expect(answer.applyDelta(delta(4, "d"))).toBe(false);
  expect(answer.rounds[0]?.texts).toEqual(["a"]);
  expect(answer.applySnapshot({ seq: 3, rounds: [round("abc")] })).toBe(true);
  expect(answer.rounds[0]?.texts).toEqual(["abcd"]);
});

test("a snapshot that is older than what is known changes nothing", () => {
  const answer = new Answer({ ...FRESH, seq: 5, rounds: [round("hello")] });
  answer.applySnapshot({ seq: 4, rounds: [round("hell")] });
  expect(answer.rounds[0]?.texts).toEqual(["hello"]);
});

test("a snapshot may leave a gap of its own", () => {
  const answer = new Answer(FRESH);
  answer.applyDelta(delta(4, "d"));
  expect(answer.applySnapshot({ seq: 2, rounds: [round("ab")] })).toBe(false);
  expect(answer.applySnapshot({ seq: 3, rounds: [round("abc")] })).toBe(true);
  expect(answer.rounds[0]?.texts).toEqual(["abcd"]);
});

test("choices and reasoning grow side by side", () => {
  const answer = new Answer({ ...FRESH, rounds: [round("", "")] });
  answer.applyDelta({ type: "delta", seq: 1, round: 0, texts: [[1, "b"]], reasoning: "hm" });
  answer.applyDelta({
    type: "delta",
    seq: 2,
    round: 0,
    texts: [
      [0, "a"],
      [1, "c"],
    ],
  });
  expect(answer.rounds).toEqual([{ ...round("a", "bc"), reasoning: "hm" }]);
});

test("a round begins where the last one ended, and its calls are as they were told last", () => {
  const answer = new Answer({ ...FRESH, rounds: [round("", "")] });
  const kinds: Change["kind"][] = [];
  answer.subscribe(({ kind }) => kinds.push(kind));
  const asked = { line: "add(a=1)", state: "running" as const };
  answer.applyDelta(delta(1, "Let me see."));
  answer.applyDelta({ type: "delta", seq: 2, round: 0, texts: [], calls: [asked] });
  answer.applyDelta({ type: "delta", seq: 3, round: 0, texts: [], calls: [{ ...asked, state: "done" }] });
  answer.applyDelta({ type: "delta", seq: 4, round: 1, texts: [[0, "It is 1."]] });
  expect(kinds).toEqual(["text", "calls", "calls", "round", "text"]);
  expect(answer.rounds).toEqual([
    { ...round("Let me see.", ""), calls: [{ ...asked, state: "done" }] },
    round("It is 1.", ""),
  ]);
});
