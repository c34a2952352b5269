import { describe, expect, test, vi } from "vitest";
import cell from "../cell/index.ts";
import { FakeModel, round } from "./model.ts";
import { freshPages } from "./page.ts";

function start(traits: Record<string, unknown> = {}) {
  const model = new FakeModel(traits);
  const controller = new AbortController();
  const widget = cell();
  widget.initialize({ model, signal: controller.signal });
  const render = () => {
    const el = document.createElement("div");
    const view = new AbortController();
    document.body.append(el);
    widget.render({ model, el, signal: AbortSignal.any([controller.signal, view.signal]) });
    return { el, close: () => view.abort() };
  };
  return { model, render, close: () => controller.abort() };
}

const delta = (seq: number, text: string, choice = 0) => ({
  type: "delta",
  seq,
  round: 0,
  texts: [[choice, text]],
});

freshPages();

const frame = () => vi.advanceTimersByTime(300);

describe("while it streams", () => {
  test("text is drawn as Markdown as it comes", () => {
    const { model, render } = start();
    const { el } = render();
    model.receive(delta(1, "Some **bo"));
    frame();
    expect(el.querySelector("strong")?.textContent).toBe("bo");
    model.receive(delta(2, "ld** text"));
    frame();
    expect(el.querySelector("p")?.textContent).toBe("Some bold text");
  });

  test("a late view and an early one show the same", () => {
    const { model, render } = start();
    const early = render();
    model.receive(delta(1, "# One\n\nTwo"));
    frame();
    const late = render();
    model.receive(delta(2, " and three"));
    frame();
    expect(late.el.querySelector(".nbchat-body")?.innerHTML).toBe(
      early.el.querySelector(".nbchat-body")?.innerHTML,
    );
    expect(late.el.textContent).toContain("Two and three");
  });

  test("a closed view costs nothing any more, a closed model listens to nothing", () => {
    const { model, render, close } = start();
    const view = render();
    view.close();
    model.receive(delta(1, "unseen"));
    frame();
    expect(view.el.textContent).not.toContain("unseen");
    close();
    expect(model.listening).toBe(0);
  });

  test.each([
    ["markdown", "nbchat-body nbchat-row"],
    ["text", "nbchat-body"],
  ])("several choices in %s have a heading each; Markdown stands side by side", (format, shape) => {
    const { model, render } = start({ rounds: [round("", "")], format });
    const { el } = render();
    model.receive({
      type: "delta",
      seq: 1,
      round: 0,
      texts: [
        [0, "first"],
        [1, "second"],
      ],
    });
    frame();
    const texts = [...el.querySelectorAll(".nbchat-choice")].map((each) => each.textContent?.trim());
    expect(texts).toEqual(["Choice 1 of 2first", "Choice 2 of 2second"]);
    expect(el.querySelector(".nbchat-body")?.className).toBe(shape);
  });

  test("a choice that nobody had announced gives all of them their headings", () => {
    const { model, render } = start();
    const { el } = render();
    model.receive(delta(1, "first"));
    frame();
    model.receive({
      type: "delta",
      seq: 2,
      round: 0,
      texts: [
        [0, "!"],
        [1, "second"],
        [2, "third"],
      ],
    });
    frame();
    const texts = [...el.querySelectorAll(".nbchat-choice")].map((each) => each.textContent?.trim());
    expect(texts).toEqual(["Choice 1 of 3first!", "Choice 2 of 3second", "Choice 3 of 3third"]);
  });

  test("plain text is never taken for Markdown", () => {
    const { model, render } = start({ format: "text" });
    const { el } = render();
    model.receive(delta(1, "**a**\n<b>"));
    frame();
    expect(el.querySelector("pre")?.textContent).toBe("**a**\n<b>");
  });

  test("reasoning waits in a fold that is closed, and only where there is some", () => {
    const { model, render } = start();
    const { el } = render();
    const details = el.querySelector("details");
    expect(details?.hidden).toBe(true);
    model.receive({ type: "delta", seq: 1, round: 0, texts: [], reasoning: "hm <b>" });
    frame();
    expect([details?.hidden, details?.open, details?.textContent]).toEqual([false, false, "Thinkinghm <b>"]);
  });

  test("a call that asks has buttons, which answer in the cell's own box; of several, one after another", () => {
    const { model, render } = start();
    const { el } = render();
    const entered: string[] = [];
    const box = document.createElement("div");
    box.className = "jp-Stdin";
    box.innerHTML = '<pre class="jp-Stdin-prompt">May b?</pre><input>';
    box
      .querySelector("input")
      ?.addEventListener("keydown", ({ key, target }) =>
        entered.push(`${(target as HTMLInputElement).value} ${key}`),
      );
    const call = (line: string) => ({ line, state: "asking", seconds: null, question: `May ${line}?` });
    const tell = (seq: number, calls: object[]) => {
      model.receive({ type: "delta", seq, round: 0, texts: [], calls });
      frame();
    };
    const groups = () => [...el.querySelectorAll<HTMLElement>(".nbchat-ask")];
    tell(1, [call("a"), call("b")]);
    expect(groups().map((group) => group.hidden)).toEqual([false, true]);
    const notebook = document.createElement("div");
    notebook.className = "jp-Notebook";
    notebook.append(el, box);
    tell(2, [{ line: "a", state: "running", seconds: 0 }, call("b")]);
    expect(groups().map((group) => group.hidden)).toEqual([true, false]);
    for (const button of groups()[1]?.querySelectorAll("button") ?? []) button.click();
    expect(entered).toEqual(["y Enter", "n Enter"]);
    box.remove();
    groups()[1]?.querySelector("button")?.click();
    expect(groups()[1]?.textContent).toBe(" (answer it in the chat panel)");
  });

  test("calls stand between the answers, as text, and count their seconds", () => {
    const { model, render } = start();
    const { el } = render();
    const lines = () => [...el.querySelectorAll("li")].map((line) => line.textContent);
    const call = { line: "add(a=<b>1</b>)", state: "running", seconds: 0.2 };
    model.receive(delta(1, "Let me see."));
    model.receive({ type: "delta", seq: 2, round: 0, texts: [], calls: [call] });
    frame();
    expect(lines()).toEqual(["add(a=<b>1</b>) running"]);
    expect(el.querySelector("b")).toBeNull();
    vi.advanceTimersByTime(3000);
    expect(lines()).toEqual(["add(a=<b>1</b>) running for 3 s"]);
    model.receive({
      type: "delta",
      seq: 3,
      round: 0,
      texts: [],
      calls: [{ ...call, state: "done", seconds: 3.26 }],
    });
    model.receive({ type: "delta", seq: 4, round: 1, texts: [] });
    frame();
    vi.advanceTimersByTime(3000);
    expect(lines()).toEqual(["add(a=<b>1</b>) done in 3.3 s"]);
    expect(el.querySelector(".nbchat-running.nbchat-empty")).not.toBeNull();
    model.receive({ ...delta(5, "It is 1."), round: 1 });
    frame();
    const shown = (view: HTMLElement) => view.textContent?.replace(/\s+/g, " ");
    expect(shown(el)).toBe("ThinkingLet me see. add(a=<b>1</b>) done in 3.3 sThinkingIt is 1. ");
    expect(shown(render().el)).toBe(shown(el));
  });

  test("a note is shown as text", () => {
    const { model, render } = start({ note: "Fetching <b>" });
    const { el } = render();
    expect(el.querySelector(".nbchat-note")?.textContent).toBe("Fetching <b>");
    model.set("note", "");
    expect(el.querySelector(".nbchat-note")?.textContent).toBe("");
  });

  test("a screen reader hears that an answer begins and that it has ended, and not each token", () => {
    const { model, render } = start({ label: "Answer from a model" });
    const { el } = render();
    const spoken = () => document.querySelector("[role=status]")?.textContent;
    const answer = el.querySelector("[role=group]");
    expect([spoken(), answer?.getAttribute("aria-busy")]).toEqual([
      "Answer from a model: answering…",
      "true",
    ]);
    model.receive(delta(1, "text"));
    frame();
    expect(spoken()).toBe("Answer from a model: answering…");
    model.set("status", "stopped");
    expect([spoken(), answer?.getAttribute("aria-busy")]).toEqual(["Answer from a model: stopped.", "false"]);
  });
});

describe("gaps", () => {
  test("a lost message is asked for once, and the snapshot heals the text", () => {
    const { model, render } = start();
    const { el } = render();
    model.receive(delta(1, "a"));
    model.receive(delta(3, "c"));
    model.receive(delta(4, "d"));
    expect(model.sent).toEqual([{ type: "snapshot", id: 1 }]);
    model.receive({ type: "snapshot", id: 1, seq: 3, rounds: [round("abc")] });
    frame();
    expect(el.querySelector("p")?.textContent).toBe("abcd");
    expect(model.sent.length).toBe(1);
  });

  test("a restored widget asks what it has missed; a new one does not", () => {
    expect(start({ rounds: [round("so far")], seq: 7 }).model.sent).toEqual([{ type: "snapshot", id: 1 }]);
    expect(start().model.sent).toEqual([]);
  });
});

describe("at the end", () => {
  const final = { model_id: "me", data: { "text/markdown": "done" }, metadata: { nbchat: {} } };

  function notebook(ids: string[]) {
    const outputs = ids.map((model_id) => ({
      data: { "application/vnd.jupyter.widget-view+json": { model_id } },
    }));
    const written: [number, unknown][] = [];
    const area = {
      length: outputs.length,
      get: (index: number) => ({ toJSON: () => outputs[index] }),
      set: (index: number, output: unknown) => written.push([index, output]),
    };
    return { written, manager: { context: { model: { cells: [{}, { outputs: area }] } } } };
  }

  test("an output that is still the widget becomes the answer, and Python is told", async () => {
    const { model } = start();
    const { written, manager } = notebook(["another", "me"]);
    model.widget_manager = manager;
    model.set("final", final);
    await vi.advanceTimersByTimeAsync(1000);
    expect(written).toEqual([
      [1, { output_type: "display_data", data: final.data, metadata: final.metadata }],
    ]);
    expect(model.sent).toEqual([{ type: "settled" }]);
  });

  test("where the kernel has replaced the output already, nothing is written", async () => {
    const { model } = start();
    const { written, manager } = notebook(["another"]);
    model.widget_manager = manager;
    model.set("final", final);
    await vi.advanceTimersByTimeAsync(1000);
    expect([written, model.sent]).toEqual([[], [{ type: "settled" }]]);
  });

  test("a widget that is restored after its end settles as well", async () => {
    const model = new FakeModel({ status: "done", seq: 3, rounds: [round("done")], final });
    const { written, manager } = notebook(["me"]);
    model.widget_manager = manager;
    cell().initialize({ model, signal: new AbortController().signal });
    await vi.advanceTimersByTimeAsync(1000);
    expect([written.length, model.sent]).toEqual([1, [{ type: "settled" }]]);
  });

  test("a front end without JupyterLab's objects keeps the widget", async () => {
    const { model, render } = start({ rounds: [round("kept")], seq: 0 });
    const { el } = render();
    model.set("final", final);
    await vi.advanceTimersByTimeAsync(1000);
    expect(model.sent).toEqual([]);
    expect(el.textContent).toContain("kept");
  });

  test("a final that names no widget replaces nothing", async () => {
    const { model } = start();
    const { written, manager } = notebook(["another"]);
    model.widget_manager = manager;
    model.set("final", {});
    await vi.advanceTimersByTimeAsync(1000);
    expect([written, model.sent]).toEqual([[], []]);
  });
});
