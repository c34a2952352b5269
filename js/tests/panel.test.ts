import { describe, expect, test, vi } from "vitest";
import panel from "../panel/index.ts";
import type { Field, Message, Turn } from "../panel/protocol.ts";
import { FakeModel } from "./model.ts";
import { freshPages, NoSizes, show } from "./page.ts";

const FIELD: Field = {
  name: "temperature",
  control: "slider",
  low: 0,
  high: 2,
  reach: [0, 2],
  step: 0.05,
  start: 1,
  choices: [],
  help: "How freely it chooses.",
};
const STOP: Field = {
  ...FIELD,
  name: "stop",
  control: "tags",
  low: null,
  high: null,
  reach: [null, null],
  step: null,
};
const LOGPROBS: Field = { ...STOP, name: "logprobs", control: "switch", choices: ["true", "false"] };
const ABOUT = { endpoint: "here", model: "m", models: ["local"], prompt: 0, completion: 0, cost: null };
const ANSWER: Message = {
  id: "a",
  turn: "t",
  role: "assistant",
  status: "done",
  text: "**Hi**\n\n```python\nx = 1\n```",
};
const QUESTION: Message = { id: "q", turn: "t", role: "user", status: "done", text: "<b>Hello" };
const TURN: Turn = {
  id: "t",
  state: "waiting",
  note: "",
  round: 0,
  question: "Hello",
  media: [],
  model: "m",
  keep: null,
  created: 0,
  texts: [""],
  reasoning: [""],
  error: null,
};

function start(traits: Record<string, unknown> = {}) {
  const model = new FakeModel({
    own_id: "w",
    name: "here",
    starters: ["One?", "Two?"],
    fields: [FIELD, STOP, LOGPROBS],
    parameters: {},
    system: "",
    about: ABOUT,
    total: 0,
    messages: [],
    turns: [],
    ...traits,
  });
  const controller = new AbortController();
  const el = show(panel(), model, controller.signal);
  const find = <T extends HTMLElement = HTMLElement>(selector: string) => {
    const found = el.querySelector<T>(selector);
    if (!found) throw new Error(`there is no ${selector}`);
    return found;
  };
  const button = (label: string) => find<HTMLButtonElement>(`button[aria-label="${label}"]`);
  const asked = (what: string) =>
    model.sent.filter((message) => (message as { do: string }).do === what) as Record<string, unknown>[];
  const answer = async (what: string, reply: object) => {
    model.receive({ type: "reply", id: asked(what).at(-1)?.id, ...reply });
    await vi.advanceTimersByTimeAsync(0);
  };
  return { model, el, find, button, asked, answer, close: () => controller.abort() };
}

const type = (area: HTMLTextAreaElement, text: string, key?: string, more: KeyboardEventInit = {}) => {
  area.value = text;
  area.setSelectionRange(text.length, text.length);
  area.dispatchEvent(new Event("input", { bubbles: true }));
  const event = key && new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  if (event) area.dispatchEvent(event);
  return event;
};
const frame = () => vi.advanceTimersByTime(300);
const box = ".nbp-composer textarea";

freshPages({ ResizeObserver: NoSizes });

test("an answer with a formula asks for the code that sets it; where there is none it stands as typed", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const { find, asked, answer, model } = start({ total: 1, messages: [{ ...ANSWER, text: "Costs $5." }] });
  expect(asked("maths")).toEqual([]);
  const messages = [{ ...ANSWER, text: "As $x_1$." }];
  model.receive({ type: "path", seq: 1, keep: 0, from: 0, total: 1, messages, turns: [] });
  frame();
  expect(asked("maths").length).toBe(1);
  await answer("maths", { refused: "The kernel is gone." });
  frame();
  expect(warn).toHaveBeenCalledOnce();
  expect(find(".nbp-answer .nbchat-math").innerHTML).toBe("$x_1$");
  warn.mockRestore();
});

test("the status names the model and who runs it", () => {
  const { find, model } = start({ about: { ...ABOUT, model: "local", endpoint: "the embedded model" } });
  expect(find(".nbp-who").textContent).toBe("local · the embedded model");
  model.set("about", { ...ABOUT, model: null, endpoint: "https://example.com" });
  expect(find(".nbp-who").textContent).toBe("https://example.com");
});

describe("messages", () => {
  test("a turn streams as Markdown, and its nodes stay when it settles", () => {
    const { model, find, el } = start();
    model.receive({ type: "turn", seq: 1, turn: TURN });
    model.receive({
      type: "delta",
      seq: 2,
      turn: "t",
      parts: [
        [0, "reasoning", 0, "Hm."],
        [0, "text", 0, "**Hi**"],
      ],
    });
    frame();
    expect(find(".nbp-answer").getAttribute("aria-busy")).toBe("true");
    const strong = find(".nbp-answer strong");
    getSelection()?.selectAllChildren(strong);
    model.receive({ type: "delta", seq: 3, turn: "t", parts: [[0, "text", 6, "\n\n```python\nx = 1\n```"]] });
    frame();
    const settled = { ...ANSWER, reasoning: "Hm." };
    model.receive({
      type: "path",
      seq: 4,
      keep: 0,
      from: 0,
      total: 2,
      messages: [QUESTION, settled],
      turns: [],
    });
    frame();
    expect(find(".nbp-answer strong")).toBe(strong);
    expect(getSelection()?.toString()).toBe("Hi");
    expect(find(".nbchat-reasoning-text").textContent).toBe("Hm.");
    expect(el.querySelectorAll(".nbp-answer")).toHaveLength(1);
    expect(find(".nbp-code-language").textContent).toBe("python");
    expect(find(".nbp-bubble").innerHTML).toBe("&lt;b&gt;Hello");
  });

  test("how an answer ended and what it took is said in words", () => {
    const meter = { first: 0.25, tokens: 12, rate: 40.4, cost: 0.00123 };
    const message = { ...ANSWER, note: "cut off at max_tokens", model: "m", meter };
    const { find } = start({ total: 1, messages: [message] });
    expect(find(".nbp-note").textContent).toBe("Cut off at max_tokens");
    expect(find(".nbp-meter").textContent).toBe("m · first token 0.3 s · 12 tokens · 40 tokens/s · $0.0012");
  });

  test("what was sent is shown: pictures of the allowed kinds, addresses as links, the rest in words", () => {
    const png = "data:image/png;base64,iVBORw0KGgo=";
    const media = [
      { words: "PNG picture", picture: png },
      { words: "an SVG", picture: "data:image/svg+xml;base64,PHN2Zz4=" },
      { words: "not ours", picture: "https://evil.example/x.png" },
      { words: "picture at a.b", link: "https://a.b/c.png" },
      { words: "no address", link: "javascript:alert(1)" },
      { words: "<b>a.pdf</b>, 2 pages" },
    ];
    const { el, find } = start({ total: 1, messages: [{ ...QUESTION, text: "", media, tokens: 1234 }] });
    const shown = [...el.querySelectorAll(".nbp-media li")];
    expect([...el.querySelectorAll("img")].map((image) => image.getAttribute("src"))).toEqual([png]);
    expect([...el.querySelectorAll(".nbp-media a")].map((link) => link.getAttribute("href"))).toEqual([
      "https://a.b/c.png",
    ]);
    expect(shown.map((item) => item.textContent)).toEqual(media.map(({ words }) => words));
    expect(find(".nbp-bubble").hidden).toBe(true);
    expect(find(".nbp-question .nbp-note").textContent).toBe("≈ 1,234 tokens");
  });

  test("what is sent shows while its answer is waited for", () => {
    const media = [{ words: "WAV sound, 2.0 s" }];
    const { find } = start({ turns: [{ ...TURN, media }] });
    expect(find(".nbp-media").textContent).toBe("WAV sound, 2.0 s");
  });

  test("what can be done with a message is asked of Python", () => {
    const branches = { at: 1, ids: ["x", "a"] };
    const { button, asked } = start({ total: 2, messages: [QUESTION, { ...ANSWER, branches }] });
    button("Regenerate").click();
    button("Previous branch").click();
    expect(button("Next branch").disabled).toBe(true);
    button("Delete this turn").click();
    expect(asked("regenerate")).toMatchObject([{ node: "a" }]);
    expect(asked("go")).toMatchObject([{ node: "x" }]);
    expect(asked("drop")).toMatchObject([{ turn: "t" }]);
  });

  test("a failure can be retried or dismissed", () => {
    const { el, asked } = start({ turns: [{ ...TURN, state: "failed", error: "<i>no" }] });
    const [retry, dismiss] = el.querySelectorAll<HTMLButtonElement>(".nbp-error button");
    retry?.click();
    dismiss?.click();
    expect(el.querySelector(".nbp-error p")?.textContent).toBe("<i>no");
    expect(asked("retry")).toMatchObject([{ turn: "t" }]);
    expect(asked("dismiss")).toMatchObject([{ turn: "t" }]);
  });

  test("several choices stand side by side, and the others can be gone on from", () => {
    const choices = [
      { id: "a", text: "left", reasoning: "" },
      { id: "b", text: "right", reasoning: "" },
    ];
    const { el, asked } = start({ total: 1, messages: [{ ...ANSWER, choices }] });
    expect(
      [...el.querySelectorAll(".nbp-choice .nbchat-choice")].map((each) => each.textContent?.trim()),
    ).toEqual(["left", "right"]);
    el.querySelector<HTMLButtonElement>(".nbp-choice button")?.click();
    expect(asked("go")).toMatchObject([{ node: "b" }]);
  });

  test("an empty panel offers its starters", () => {
    const { el, asked } = start();
    el.querySelector<HTMLButtonElement>(".nbp-starter")?.click();
    expect(asked("ask")).toMatchObject([{ text: "One?" }]);
  });
});

describe("the composer", () => {
  test("sends with Enter, breaks the line with Shift+Enter, and lets no key out", () => {
    const { find, asked } = start();
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    const area = find<HTMLTextAreaElement>(box);
    expect((type(area, "a", "Enter", { shiftKey: true }) as KeyboardEvent).defaultPrevented).toBe(false);
    expect(asked("ask")).toEqual([]);
    type(area, "a\nb", "Enter");
    expect(asked("ask")).toMatchObject([{ text: "a\nb" }]);
    expect(area.value).toBe("");
    type(area, "half a word in kana", "Enter", { isComposing: true });
    expect(asked("ask")).toHaveLength(1);
    expect(outside).not.toHaveBeenCalled();
  });

  test("what was refused comes back with the reason, and can be sent as it is typed", async () => {
    const { find, asked, answer } = start();
    type(find<HTMLTextAreaElement>(box), "{{x}}", "Enter");
    await answer("ask", { refused: "{{x}} can't be put in." });
    expect(find<HTMLTextAreaElement>(box).value).toBe("{{x}}");
    expect(find(".nbp-said").textContent).toBe("{{x}} can't be put in. Send as typed");
    find(".nbp-said .nbp-text-button").click();
    expect(asked("ask")).toMatchObject([{ raw: false }, { text: "{{x}}", raw: true }]);
    await answer("ask", { result: { turn: "u", notice: null } });
    expect([find<HTMLTextAreaElement>(box).value, find(".nbp-said").textContent]).toEqual(["", ""]);
  });

  test("an edited question that was refused stays as it was edited, and can be sent as it is typed", async () => {
    const { el, find, button, asked, answer } = start({ total: 1, messages: [QUESTION] });
    button("Edit and ask again").click();
    type(find<HTMLTextAreaElement>(".nbp-edit textarea"), "{{x}}", "Enter");
    await answer("edit", { refused: "{{x}} can't be put in." });
    expect(find<HTMLTextAreaElement>(".nbp-edit textarea").value).toBe("{{x}}");
    find(".nbp-said .nbp-text-button").click();
    expect(asked("edit")).toMatchObject([{ raw: false }, { text: "{{x}}", raw: true }]);
    type(find<HTMLTextAreaElement>(".nbp-edit textarea"), "y", "Enter");
    await answer("edit", { result: { turn: "u", notice: null } });
    expect(el.querySelector(".nbp-edit")).toBeNull();
  });

  test("up recalls the last question, Escape stops", () => {
    const { find, asked } = start({
      total: 1,
      messages: [QUESTION],
      turns: [{ ...TURN, id: "u", question: null }],
    });
    const area = find<HTMLTextAreaElement>(box);
    type(area, "", "ArrowUp");
    expect(area.value).toBe("<b>Hello");
    type(area, "x", "Escape");
    expect(asked("stop")).toHaveLength(1);
  });

  test("names are completed in double braces only", async () => {
    const { find, asked, answer } = start();
    const area = find<HTMLTextAreaElement>(box);
    type(area, "my_n");
    expect(asked("complete")).toEqual([]);
    type(area, "{{len(my_n");
    await answer("complete", { result: ["my_name", "my_number"] });
    type(area, "{{len(my_n", "ArrowDown");
    await answer("complete", { result: ["my_name", "my_number"] });
    expect(find(".nbp-names").querySelectorAll("li")).toHaveLength(2);
    area.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }));
    area.dispatchEvent(new KeyboardEvent("keydown", { key: "Tab", bubbles: true, cancelable: true }));
    expect(area.value).toBe("{{len(my_number}}");
  });
});

test("the request is read with its pictures in a few words, and copied with all of them", async () => {
  const written = vi.fn(async () => undefined);
  vi.stubGlobal("navigator", { clipboard: { writeText: written } });
  const { find, button, asked, answer } = start();
  button("Show the next request").click();
  await vi.advanceTimersByTimeAsync(300);
  const read = { json: "{ … (3 MB) }", curl: "", python: "", shortened: true };
  await answer("preview", { result: read });
  expect(find(".nbp-preview code").textContent).toBe("{ … (3 MB) }");
  button("Copy this request").click();
  expect(asked("preview").at(-1)).toMatchObject({ text: "", whole: true });
  await answer("preview", { result: { ...read, json: "{ AAAA }", shortened: false } });
  expect(written).toHaveBeenCalledWith("{ AAAA }");
});

describe("Stop", () => {
  const running = { turns: [{ ...TURN, state: "streaming" }] };

  const kernel = (status: string, sent: unknown[] = []) => ({
    clientId: "c",
    sendControlMessage: (message: unknown) => {
      sent.push(message);
      return { done: Promise.resolve({ content: { user_expressions: { stopped: { status } } } }) };
    },
  });

  test("that nobody hears goes by the control channel, and is silent about it", async () => {
    const { model, find, button } = start(running);
    const sent: unknown[] = [];
    model.widget_manager = { kernel: kernel("ok", sent) };
    button("Stop").click();
    await vi.advanceTimersByTimeAsync(5000);
    const stopped = '__import__("nbchat.jupyter.panel", fromlist=["stop"]).stop("w")';
    expect(sent).toMatchObject([
      {
        channel: "control",
        header: { msg_type: "execute_request", session: "c" },
        content: { code: "", user_expressions: { stopped } },
      },
    ]);
    expect(find(".nbp-said").textContent).toBe("");
  });

  test("that the kernel could not do there is told to the reader", async () => {
    const { model, find, button } = start(running);
    model.widget_manager = { kernel: kernel("error") };
    button("Stop").click();
    await vi.advanceTimersByTimeAsync(5000);
    expect(find(".nbp-said").textContent).toContain("interrupt");
  });

  test("that reaches nobody is told to the reader", async () => {
    const { find, button } = start(running);
    button("Stop").click();
    await vi.advanceTimersByTimeAsync(5000);
    expect(find(".nbp-said").textContent).toContain("interrupt");
  });
});

describe("controls", () => {
  test("a slider that moves fast sends the last value after the one on its way", async () => {
    const { find, asked, answer, model } = start();
    const range = find<HTMLInputElement>("input[type=range]");
    for (const value of ["0.1", "0.2", "0.3"]) {
      range.value = value;
      range.dispatchEvent(new Event("input"));
    }
    expect(asked("set")).toMatchObject([{ name: "temperature", value: 0.1 }]);
    model.set("parameters", { temperature: 0.1 });
    expect(range.value).toBe("0.3");
    await answer("set", { result: null });
    expect(asked("set").map((each) => each.value)).toEqual([0.1, 0.3]);
    model.set("parameters", { temperature: 0.3 });
    await answer("set", { result: null });
    expect(range.value).toBe("0.3");
    model.set("parameters", {});
    expect(find<HTMLInputElement>("input[type=number]").value).toBe("");
  });

  test("a refusal is shown beside its field, and the value goes back", async () => {
    const { find, answer, model } = start({ parameters: { temperature: 0.5 } });
    const number = find<HTMLInputElement>("input[type=number]");
    number.value = "5";
    number.dispatchEvent(new Event("change"));
    await answer("set", { refused: "temperature must be a number between 0 and 2." });
    expect(find(".nbp-problem").textContent).toContain("between 0 and 2");
    model.set("parameters", { temperature: 0.6 });
    expect(number.value).toBe("0.6");
  });

  test("a switch says yes, no, or is not sent", () => {
    const { find, asked } = start({ parameters: { logprobs: false } });
    const select = find<HTMLSelectElement>("[data-field=logprobs] select");
    expect(select.value).toBe("false");
    for (const value of ["true", "", "false"]) {
      select.value = value;
      select.dispatchEvent(new Event("change"));
    }
    expect(asked("set")[0]).toMatchObject({ name: "logprobs", value: true });
  });

  test("what is no number changes nothing", () => {
    const { find, asked } = start({ parameters: { temperature: 0.5 } });
    const number = find<HTMLInputElement>("input[type=number]");
    Object.defineProperty(number, "validity", { value: { badInput: true } });
    number.dispatchEvent(new Event("change"));
    expect([number.value, asked("set")]).toEqual(["0.5", []]);
  });

  test("every control has a label, its help, and an off state", () => {
    const { el, button, asked } = start({ parameters: { stop: "6." } });
    for (const field of el.querySelectorAll<HTMLElement>(".nbp-field")) {
      const label = field.querySelector("label");
      expect(document.getElementById(label?.htmlFor ?? "")).not.toBeNull();
      expect(field.title).toBe(FIELD.help);
    }
    expect(button("Do not send temperature").hidden).toBe(true);
    button("Do not send stop").click();
    expect(asked("set")).toMatchObject([{ name: "stop", value: null }]);
  });
});

describe("its life", () => {
  const snapshot = (seq: number, more: object) => ({
    type: "snapshot",
    seq,
    total: 0,
    messages: [],
    turns: [],
    ...more,
  });

  test("a host that knows only the state of the first moment gets today's", async () => {
    const { model, asked, find } = start();
    expect(asked("snapshot")).toHaveLength(1);
    model.receive(snapshot(7, { total: 2, messages: [QUESTION, ANSWER] }));
    await vi.advanceTimersByTimeAsync(100);
    expect(find(".nbp-answer").textContent).toContain("Hi");
  });

  test("a gap is repaired by one snapshot", () => {
    const { model, asked } = start({ turns: [TURN] });
    model.receive(snapshot(0, { turns: [TURN] }));
    model.receive({ type: "delta", seq: 5, turn: "t", parts: [[0, "text", 9, "x"]] });
    model.receive({ type: "delta", seq: 6, turn: "t", parts: [[0, "text", 10, "y"]] });
    expect(asked("snapshot")).toHaveLength(2);
  });

  test("a model of no notebook, as VS Code has one, takes no code: it is said, and not lost", async () => {
    const { model, find, button } = start({ total: 2, messages: [QUESTION, ANSWER] });
    const [insertCell, writeText] = [vi.fn(), vi.fn(() => Promise.resolve())];
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    model.widget_manager = { context: { model: { cells: [], sharedModel: { insertCell } } } };
    button("Insert as a cell below").click();
    await vi.advanceTimersByTimeAsync(0);
    vi.unstubAllGlobals();
    expect(insertCell).not.toHaveBeenCalled();
    expect(writeText).toHaveBeenCalledWith("x = 1");
    expect(find(".nbp-said").textContent).toContain("nobody insert cells");
  });

  test("what is spoken is out of sight also where no style sheet of ours reaches", async () => {
    const { model } = start({ turns: [{ ...TURN, state: "streaming" }] });
    model.receive({
      type: "path",
      seq: 1,
      keep: 0,
      from: 0,
      total: 2,
      messages: [QUESTION, ANSWER],
      turns: [],
    });
    await vi.advanceTimersByTimeAsync(1000);
    const spoken = document.querySelector<HTMLElement>("body > [role=status]");
    expect(spoken?.textContent).toContain("Answer: ");
    expect(spoken?.style.position).toBe("absolute");
  });

  test("without a kernel it can be read, and asks for nothing", () => {
    const { model, find } = start({ total: 2, messages: [QUESTION, ANSWER] });
    model.trigger("comm_live_update");
    expect(find(".nbp-state").textContent).toBe("The kernel is gone");
    expect(find(".nbp-answer").textContent).toContain("Hi");
    expect(find<HTMLTextAreaElement>(box).disabled).toBe(true);
  });

  test("a closed model listens to nothing", () => {
    const { model, close } = start();
    close();
    expect(model.listening).toBe(0);
  });
});

describe("the notebook's file", () => {
  test("has the conversation in place of the widget, while the page goes on showing it", async () => {
    const WIDGET = "application/vnd.jupyter.widget-view+json";
    const output = { data: { [WIDGET]: { model_id: "w" }, "text/markdown": "old" } };
    const notebook = {
      cells: [],
      toJSON: () => ({
        cells: [
          { outputs: [structuredClone(output)] },
          { outputs: [{ data: { [WIDGET]: { model_id: "other" } } }] },
          {},
        ],
      }),
    };
    const { model, answer } = start({ total: 2, messages: [QUESTION, ANSWER] });
    model.widget_manager = { context: { model: notebook } };
    const controller = new AbortController();
    const again = panel();
    again.initialize({ model, signal: controller.signal });
    await vi.advanceTimersByTimeAsync(400);
    await answer("markdown", { result: { from: 0, total: 2, texts: ["**You**", "**Assistant**"] } });
    const [mine, other] = notebook.toJSON().cells;
    expect(mine?.outputs?.[0]?.data).toEqual({ "text/markdown": "**You**\n\n**Assistant**\n" });
    expect(other?.outputs?.[0]?.data).toHaveProperty([WIDGET]);
    controller.abort();
  });
});

test("files go with the question that they are attached to, and come back where it is refused or taken back", async () => {
  const { el, find, asked, answer, model } = start();
  const paste = async (name: string) => {
    const clipboardData = { types: ["Files"], files: [new File(["x"], name)] };
    find(box).dispatchEvent(
      Object.assign(new Event("paste", { bubbles: true, cancelable: true }), { clipboardData }),
    );
    await vi.advanceTimersByTimeAsync(0);
  };
  const chips = () => [...el.querySelectorAll(".nbp-chip-name")].map(({ textContent }) => textContent);
  const area = find<HTMLTextAreaElement>(box);
  await paste("a.txt");
  expect(find<HTMLButtonElement>(".nbp-send:not(.nbp-stop)").disabled).toBe(true);
  type(area, "What is it?", "Enter");
  expect(find(".nbp-said").textContent).toBe("The attached files are still on their way.");
  await answer("upload", { result: { kind: "file", about: "text, 1 byte" } });
  const sent = asked("upload")[0]?.file;
  type(area, "What is it?", "Enter");
  expect([chips(), area.value]).toEqual([[], ""]);
  expect(asked("ask")[0]).toMatchObject({ text: "What is it?", files: [sent] });
  await answer("ask", { refused: "{{it}} can't be put in." });
  expect([chips(), area.value]).toEqual([["a.txt"], "What is it?"]);
  type(area, "", "Enter");
  expect(asked("ask")[1]).toMatchObject({ text: "", files: [sent] });
  await answer("ask", { result: { turn: "t", notice: null } });
  expect(asked("discard")).toEqual([]);
  const turn = { ...TURN, state: "queued", question: "" };
  model.receive({ type: "turn", seq: 1, turn });
  type(area, "", "Escape");
  expect(chips()).toEqual(["a.txt"]);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked("upload").length).toBe(2);
});

test("a view that closes discards what it had attached and not sent", async () => {
  const { find, asked, answer, close } = start();
  const dataTransfer = { types: ["Files"], files: [new File(["x"], "a.txt")], dropEffect: "none" };
  const drop = new Event("drop", { bubbles: true, cancelable: true });
  find(".nbp-scroller").dispatchEvent(Object.assign(drop, { dataTransfer }));
  await vi.advanceTimersByTimeAsync(0);
  await answer("upload", { result: { kind: "file", about: "text, 1 byte" } });
  close();
  expect(asked("discard")[0]?.files).toEqual([asked("upload")[0]?.file]);
});
