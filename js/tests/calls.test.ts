import { describe, expect, test, vi } from "vitest";
import { h } from "../panel/element.ts";
import panel from "../panel/index.ts";
import type { Call, Message, Turn } from "../panel/protocol.ts";
import { FakeModel } from "./model.ts";
import { freshPages, NoSizes, show } from "./page.ts";

const ASKING: Call = {
  id: "c",
  name: "delete",
  line: 'delete(path="<b>a</b>")',
  arguments: 'path: "<b>a</b>"',
  state: "asking",
  question: "May it?",
};
const RUNNING: Call = { id: "d", name: "look", line: "look()", arguments: "", state: "running", seconds: 2 };
const MESSAGE: Message = {
  id: "a",
  turn: "t",
  role: "assistant",
  status: "done",
  text: "Let me see.",
  open: true,
  calls: [RUNNING, ASKING],
};
const TURN: Turn = {
  id: "t",
  state: "asking",
  note: "",
  round: 1,
  question: null,
  media: [],
  model: "m",
  keep: 1,
  created: 0,
  texts: [""],
  reasoning: [""],
  error: null,
};

function start(message: Message = MESSAGE, turns: Turn[] = [TURN]) {
  const model = new FakeModel({ own_id: "w", total: 1, messages: [message], turns });
  const signals = { model: new AbortController(), view: new AbortController() };
  const el = show(panel(), model, signals.model.signal, signals.view.signal);
  const asked = (what: string) =>
    model.sent.filter((sent) => (sent as { do: string }).do === what) as Record<string, unknown>[];
  let seq = 0;
  const tell = (number: number, call: Call) => {
    seq += 1;
    model.receive({ type: "call", seq, at: 0, number, call });
    vi.advanceTimersByTime(300);
  };
  const cards = () => [...el.querySelectorAll<HTMLDetailsElement>(".nbp-card")];
  const button = (name: string) =>
    [...el.querySelectorAll("button")].find((each) => each.textContent === name) as HTMLButtonElement;
  return { model, el, asked, tell, cards, button, signals };
}

const spoken = () => document.querySelector("body > [role=status]")?.textContent;

freshPages({ ResizeObserver: NoSizes });

describe("a call", () => {
  test("is a card that says how it stands, as text, and is open only to ask", () => {
    const { el, cards, tell } = start();
    expect(cards().map((card) => [card.open, card.querySelector("summary")?.textContent])).toEqual([
      [false, "look() running for 2 s"],
      [true, 'delete(path="<b>a</b>") asks to be allowed'],
    ]);
    expect(cards()[1]?.querySelector("pre")?.textContent).toBe('path: "<b>a</b>"');
    vi.advanceTimersByTime(3000);
    expect(cards()[0]?.textContent).toContain("running for 5 s");
    tell(0, { ...RUNNING, state: "failed", seconds: 5.04, result: "ValueError: <i>no" });
    tell(1, { ...ASKING, state: "done", seconds: 0.012, result: "<script>" });
    expect(cards().map((card) => [card.open, card.querySelector("summary")?.textContent])).toEqual([
      [false, "look() failed after 5.0 s"],
      [false, 'delete(path="<b>a</b>") done in 12 ms'],
    ]);
    expect([...el.querySelectorAll(".nbp-card pre")].map((pre) => pre.textContent)).toEqual([
      "none",
      "ValueError: <i>no",
      'path: "<b>a</b>"',
      "<script>",
    ]);
    expect(el.querySelector(".nbp-card :is(b, i, script)")).toBeNull();
  });

  test("asks with two buttons, and its word goes to Python once", () => {
    const { asked, button } = start();
    button("Allow").focus();
    button("Allow").click();
    button("Allow").click();
    expect(document.activeElement?.tagName).toBe("SUMMARY");
    expect([button("Allow").disabled, button("Don't allow").disabled]).toEqual([true, true]);
    expect(asked("approve")).toMatchObject([{ turn: "t", call: "c", allowed: true }]);
  });

  test("can be refused", () => {
    const { asked, button } = start();
    button("Don't allow").click();
    expect(asked("approve")).toMatchObject([{ turn: "t", call: "c", allowed: false }]);
  });

  test("keeps the reader's place: the buttons while others change, its line when it is answered", () => {
    const { cards, button, tell } = start();
    const allow = button("Allow");
    allow.focus();
    tell(0, { ...RUNNING, state: "done" });
    expect(document.activeElement).toBe(allow);
    tell(1, { ...ASKING, question: undefined, state: "refused", result: "no" } as unknown as Call);
    expect(document.activeElement).toBe(cards()[1]?.querySelector("summary"));
  });

  test("that the reader has opened stays open", () => {
    const { cards, tell } = start();
    const [card] = cards();
    if (card) card.open = true;
    tell(0, { ...RUNNING, state: "done", result: "yes" });
    expect([card?.open, card?.textContent?.includes("yes")]).toEqual([true, true]);
  });

  test("that asks is spoken of once", () => {
    const { tell } = start();
    vi.advanceTimersByTime(300);
    expect(spoken()).toBe("The model asks to call delete: allow it, or don't, in the conversation.");
    (document.querySelector("body > [role=status]") as HTMLElement).textContent = "";
    tell(0, { ...RUNNING, state: "done" });
    expect(spoken()).toBe("");
  });

  test("has below it the table that it gave, and its pictures as soon as Python has sent them", async () => {
    const { el, model, asked, tell } = start();
    const table = "pandas DataFrame, 1 row × 1 column:\n\n| a (int64) |\n| --- |\n| <b>1 |\n";
    tell(0, { ...RUNNING, state: "done", result: table, media: 2 });
    expect(el.querySelector(".nbp-given td")?.textContent).toBe("<b>1");
    const [{ id, ...rest }] = asked("media") as [{ id: number }];
    expect(rest).toEqual({ do: "media", node: "a", call: 0 });
    const picture = "data:image/png;base64,iVBORw0KGgo=";
    const link = "https://evil.example/a.png";
    const result = [
      { words: "PNG picture", picture },
      { words: "picture", link, picture: link },
    ];
    model.receive({ type: "reply", id, result });
    await vi.waitFor(() => expect(el.querySelectorAll(".nbp-given li")).toHaveLength(2));
    expect([...el.querySelectorAll("img")].map(({ src, alt }) => [src, alt])).toEqual([
      [picture, "Picture from look"],
    ]);
    expect(el.querySelector(".nbp-given a")?.getAttribute("rel")).toBe("noopener noreferrer");
  });

  test("that failed with a table's text has no table", () => {
    const { el, tell } = start();
    tell(0, { ...RUNNING, state: "failed", result: "x:\n\n| a |\n| --- |\n| 1 |" });
    expect(el.querySelector("table")).toBeNull();
  });

  test("has nothing below it that can be done as long as its turn goes on", () => {
    const { el } = start();
    expect(el.querySelector(".nbp-answer button[aria-label=Regenerate]")).toBeNull();
    const { el: other } = start({ ...MESSAGE, open: false }, []);
    expect(other.querySelector(".nbp-answer button[aria-label=Regenerate]")).not.toBeNull();
  });

  test("tells in the status line what is waited for", () => {
    const { el } = start();
    expect(el.querySelector(".nbp-state")?.textContent).toBe("A tool waits for your word");
  });
});

describe("a question that a cell asks as well", () => {
  test("is taken back there when it is answered here, and no other is", () => {
    const entered: string[] = [];
    const [ours, others] = [h("div", { class: "jp-Notebook" }), h("div", { class: "jp-Notebook" })];
    document.body.append(others, ours);
    for (const [notebook, prompt] of [
      [others, "May it?"],
      [ours, "May it?"],
      [ours, "Another?"],
    ] as const) {
      const box = document.createElement("div");
      box.className = "jp-Stdin";
      const input = document.createElement("input");
      input.value = "half a wo";
      input.addEventListener("keydown", ({ key }) =>
        entered.push(`${notebook === ours} ${prompt} ${input.value}${key}`),
      );
      const label = document.createElement("pre");
      label.className = "jp-Stdin-prompt";
      label.textContent = prompt;
      box.append(label, input);
      notebook.append(box);
    }
    const { el, tell } = start();
    ours.append(el);
    tell(0, { ...RUNNING, state: "done" });
    expect(entered).toEqual([]);
    const { question: _, ...answered } = ASKING;
    tell(1, { ...answered, state: "running" });
    expect(entered).toEqual(["true May it? Enter"]);
  });
});

describe("whoever looks at the panel", () => {
  test("can be asked as long as a view is open, and the page is there", () => {
    const { asked, signals } = start();
    const told = () => asked("attend").map(({ open }) => open);
    expect(told()).toEqual([true]);
    dispatchEvent(new Event("pagehide"));
    dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    expect(told()).toEqual([true, false, true]);
    signals.view.abort();
    expect(told()).toEqual([true, false, true, false]);
    expect(new Set(asked("attend").map(({ page }) => page)).size).toBe(1);
  });
});
