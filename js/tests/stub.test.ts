import { afterEach, beforeEach, expect, test, vi } from "vitest";
import cell from "../cell/index.ts";
import { BUILD, entry, provide } from "../cell/registry.ts";
import stub from "../cell/stub.ts";
import { FakeModel } from "./model.ts";
import { show } from "./page.ts";

const delta = (seq: number, text: string) => ({ type: "delta", seq, round: 0, texts: [[0, text]] });

function start() {
  const model = new FakeModel({});
  const controller = new AbortController();
  const el = show(stub(), model, controller.signal);
  return { model, el, close: () => controller.abort() };
}

const frame = () => vi.advanceTimersByTime(300);

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(entry(BUILD), { code: null, asked: Number.NEGATIVE_INFINITY });
  entry(BUILD).waiting.clear();
});

afterEach(() => {
  vi.useRealTimers();
});

test("with the code in the page, a stub is the cell at once", () => {
  provide(BUILD, cell);
  const { model, el } = start();
  model.receive(delta(1, "**a**"));
  frame();
  expect(el.querySelector("strong")?.textContent).toBe("a");
  expect(model.sent).toEqual([]);
});

test("before the code has come the text is there, plain; then all of it is Markdown", () => {
  const { model, el } = start();
  model.receive(delta(1, "**a"));
  model.receive(delta(2, "** b"));
  expect(el.querySelector("pre")?.textContent).toBe("**a** b");
  provide(BUILD, cell);
  model.receive(delta(3, " c"));
  frame();
  expect(el.querySelector("pre")).toBeNull();
  expect(el.querySelector("p")?.innerHTML).toBe("<strong>a</strong> b c");
  expect(model.sent).toEqual([]);
});

test("where the hub does not come, Python is asked for the code, once for all cells", () => {
  const [one, two] = [start(), start()];
  vi.advanceTimersByTime(2500);
  expect([one.model.sent, two.model.sent]).toEqual([[{ type: "code" }], []]);
});

test("the code of another build is not used", () => {
  provide("another build", cell);
  const { model, el } = start();
  model.receive(delta(1, "**a**"));
  frame();
  expect(el.querySelector("pre")?.textContent).toBe("**a**");
});

test("a stub that is closed while it waits leaves nothing behind", () => {
  const { model, close } = start();
  close();
  vi.advanceTimersByTime(5000);
  expect([model.listening, entry(BUILD).waiting.size, model.sent]).toEqual([0, 0, []]);
});

test("the hub itself shows nothing, and hears nothing once it is closed", () => {
  const hub = new FakeModel({ rounds: undefined });
  const widget = cell();
  const gone = new AbortController();
  widget.initialize({ model: hub, signal: gone.signal });
  const el = document.createElement("div");
  widget.render({ model: hub, el, signal: gone.signal });
  expect(el.childNodes.length).toBe(0);
  gone.abort();
  expect(hub.listening).toBe(0);
});
