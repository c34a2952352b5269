import { describe, expect, test } from "vitest";
import type { Everything, Message, Numbered, Turn } from "../panel/protocol.ts";
import { type Change, stateOf, Transcript } from "../panel/transcript.ts";

const NOTHING: Everything = { seq: 0, total: 0, messages: [], turns: [] };

const turn = (id: string, more: Partial<Turn> = {}): Turn => ({
  id,
  state: "waiting",
  note: "",
  round: 0,
  question: `ask ${id}`,
  media: [],
  model: null,
  keep: null,
  created: 0,
  texts: [""],
  reasoning: [""],
  error: null,
  ...more,
});
const message = (id: string, of: string, role = "assistant"): Message => ({
  id,
  turn: of,
  role,
  status: "done",
  text: id,
});
const told = (seq: number, id: string, more: Partial<Turn> = {}): Numbered => ({
  type: "turn",
  seq,
  turn: turn(id, more),
});
const delta = (seq: number, id: string, offset: number, text: string): Numbered => ({
  type: "delta",
  seq,
  turn: id,
  parts: [[0, "text", offset, text]],
});
const settled = (seq: number, keep: number, ...messages: Message[]) => ({
  type: "path" as const,
  seq,
  keep,
  from: keep,
  total: keep + messages.length,
  messages,
  turns: [] as Turn[],
});
const keys = (transcript: Transcript) =>
  [...transcript.settled(0, transcript.total), ...transcript.live()].map(({ key, kind }) => `${kind} ${key}`);
const text = (transcript: Transcript) => transcript.turns[0]?.texts[0];

describe("a turn", () => {
  test("streams, and keeps its keys when it settles, so that its views live on", () => {
    const transcript = new Transcript(NOTHING);
    transcript.apply(told(1, "t"));
    transcript.apply(delta(2, "t", 0, "Hello"));
    transcript.apply(delta(3, "t", 5, " you"));
    expect(text(transcript)).toBe("Hello you");
    const live = keys(transcript).map((key) => key.split(" ")[1]);
    transcript.apply(settled(4, 0, message("q", "t", "user"), message("a", "t")));
    expect(keys(transcript)).toEqual(["message t/q", "message t/a0"]);
    expect(live).toEqual(["t/q", "t/a0"]);
  });

  test("tells text as text, and everything else as a change of the list", () => {
    const transcript = new Transcript(NOTHING);
    const changes: Change["kind"][] = [];
    transcript.subscribe((change) => changes.push(change.kind));
    for (const each of [told(1, "t"), delta(2, "t", 0, "a"), delta(3, "t", 1, "b"), settled(4, 0)])
      transcript.apply(each);
    expect(changes).toEqual(["items", "items", "text", "items"]);
  });

  test("that runs further up hides what it replaces, and only while it runs", () => {
    const transcript = new Transcript({
      ...NOTHING,
      total: 4,
      messages: [
        message("q", "t", "user"),
        message("a", "t"),
        message("q2", "u", "user"),
        message("a2", "u"),
      ],
    });
    transcript.apply(told(1, "v", { keep: 1, question: null }));
    expect(keys(transcript)).toEqual(["message t/q", "answer v/a0"]);
    transcript.apply(told(2, "v", { keep: 1, question: null, state: "failed" }));
    expect(keys(transcript)).toHaveLength(5);
    transcript.apply({ type: "gone", seq: 3, turn: "v" });
    expect(keys(transcript)).toHaveLength(4);
  });

  test("that calls tools has an answer for each round, and its results are no messages of their own", () => {
    const transcript = new Transcript(NOTHING);
    const call = { id: "c", name: "add", line: "add(a=1)", arguments: "a: 1", state: "running" as const };
    const asks = { ...message("a", "t"), open: true, calls: [call, { ...call, id: "d" }] };
    transcript.apply(told(1, "t"));
    transcript.apply(delta(2, "t", 0, "Let me see."));
    const queued = turn("u", { state: "queued" });
    const running = (state: Turn["state"]) => turn("t", { question: null, round: 1, keep: 2, state });
    transcript.apply({
      ...settled(3, 0, message("q", "t", "user"), asks),
      turns: [running("calling"), queued],
    });
    expect(keys(transcript)).toEqual(["message t/q", "message t/a0", "question u/q"]);
    expect([stateOf(transcript.turns), transcript.asking()]).toEqual(["calling", []]);

    const asking = { ...call, id: "d", state: "asking" as const };
    transcript.apply({ type: "call", seq: 4, at: 1, number: 1, call: asking });
    transcript.apply({ type: "turn", seq: 5, turn: running("asking") });
    expect(transcript.message(1)?.calls?.map(({ state }) => state)).toEqual(["running", "asking"]);
    expect([stateOf(transcript.turns), transcript.asking()]).toEqual(["asking", [asking]]);

    const given = { ...message("r", "t", "tool"), inside: true };
    transcript.apply({
      ...settled(6, 1, asks, given, { ...given, id: "s" }),
      turns: [running("waiting"), queued],
    });
    transcript.apply(delta(7, "t", 0, "It is 1."));
    expect(text(transcript)).toBe("It is 1.");
    expect(keys(transcript)).toEqual(["message t/q", "message t/a0", "answer t/a1", "question u/q"]);
    transcript.apply({ ...settled(8, 4, { ...message("b", "t"), round: 1 }), turns: [queued] });
    expect(keys(transcript)).toEqual(["message t/q", "message t/a0", "message t/a1", "question u/q"]);
  });

  test("that waits its turn shows its question alone", () => {
    const transcript = new Transcript({
      ...NOTHING,
      turns: [turn("t", { state: "streaming" }), turn("u", { state: "queued" })],
    });
    expect(keys(transcript)).toEqual(["question t/q", "answer t/a0", "question u/q"]);
    expect(stateOf(transcript.turns)).toBe("streaming");
    expect(stateOf([])).toBe("idle");
  });
});

describe("what is lost", () => {
  test("is asked for, and what came too early goes after the snapshot", () => {
    const transcript = new Transcript({ ...NOTHING, turns: [turn("t")] });
    expect(transcript.apply(delta(1, "t", 0, "a"))).toBe(true);
    expect(transcript.apply(delta(3, "t", 2, "c"))).toBe(false);
    expect(transcript.apply(delta(4, "t", 3, "d"))).toBe(false);
    expect(text(transcript)).toBe("a");
    expect(
      transcript.restore({ ...NOTHING, seq: 2, turns: [turn("t", { state: "streaming", texts: ["ab"] })] }),
    ).toBe(true);
    expect(text(transcript)).toBe("abcd");
  });

  test("is no matter where it came twice, or where the snapshot is older", () => {
    const transcript = new Transcript({ ...NOTHING, turns: [turn("t")] });
    transcript.apply(delta(1, "t", 0, "a"));
    transcript.apply(delta(1, "t", 0, "a"));
    transcript.restore(NOTHING);
    expect(text(transcript)).toBe("a");
  });

  test("shows where an offset does not meet the text", () => {
    const transcript = new Transcript({ ...NOTHING, turns: [turn("t", { state: "streaming" })] });
    expect(transcript.apply(delta(1, "t", 7, "a"))).toBe(false);
  });

  test("in any order ends as it would have in order, once a snapshot has come", () => {
    const all = [told(1, "t"), ...Array.from("abcdefgh", (letter, at) => delta(at + 2, "t", at, letter))];
    for (let missing = 1; missing < all.length; missing += 1) {
      const transcript = new Transcript(NOTHING);
      all.forEach((each, at) => {
        if (at !== missing) transcript.apply(each);
      });
      const whole = turn("t", { state: "streaming", texts: ["abcdefgh".slice(0, missing)] });
      transcript.restore({ ...NOTHING, seq: missing + 1, turns: [whole] });
      expect(text(transcript)).toBe("abcdefgh");
    }
  });
});

describe("a long conversation", () => {
  const tail = { ...NOTHING, total: 100, messages: [message("m98", "t49", "user"), message("m99", "t49")] };

  test("has holes until the earlier messages have come", () => {
    const transcript = new Transcript(tail);
    expect(transcript.settled(0, 100)).toHaveLength(2);
    transcript.addEarlier(96, [message("m96", "t48", "user"), message("m97", "t48")]);
    expect(transcript.settled(90, 100).map((item) => item.key)).toEqual([
      "t48/q",
      "t48/a0",
      "t49/q",
      "t49/a0",
    ]);
    expect(transcript.message(97)?.text).toBe("m97");
  });

  test("forgets from where another branch begins", () => {
    const transcript = new Transcript(tail);
    transcript.apply(settled(1, 99, message("other", "t50")));
    expect(transcript.message(98)?.id).toBe("m98");
    expect(transcript.message(99)?.id).toBe("other");
    transcript.apply(settled(2, 0));
    expect(keys(transcript)).toEqual([]);
  });

  test("knows its last question", () => {
    expect(new Transcript(tail).lastQuestion()).toBe("m98");
    expect(new Transcript({ ...tail, turns: [turn("u")] }).lastQuestion()).toBe("ask u");
    expect(new Transcript(NOTHING).lastQuestion()).toBeUndefined();
  });
});
