import { expect, test, vi } from "vitest";
import { Attachments, megabytes } from "../panel/attachments.ts";
import { ChipsView } from "../panel/chips.ts";
import { Refused } from "../panel/connection.ts";
import { takeDropped, takePasted } from "../panel/intake.ts";
import type { Uploaded } from "../panel/protocol.ts";
import { freshPages } from "./page.ts";

const READ: Uploaded = { kind: "file", about: "text, 10 bytes", tokens: 1234 };

interface Asked {
  do: string;
  file?: string;
  files?: string[];
  offset?: number;
  text?: string;
  answer(reply: Uploaded | null): Promise<unknown>;
  refuse(reason: string): Promise<unknown>;
}

/** A kernel that answers when it is told to. */
function kernel(accepts = { file: 20, picture: 200, piece: 4 }) {
  const asked: Asked[] = [];
  const settle = () => vi.advanceTimersByTimeAsync(0);
  const connection = {
    page: "p",
    settings: { accepts } as never,
    request: (name: string, fields: object, buffers: ArrayBuffer[] = []) =>
      new Promise<never>((resolve, reject) => {
        const text = buffers[0] && new TextDecoder().decode(buffers[0]);
        asked.push({
          ...fields,
          do: name,
          ...(text !== undefined && { text }),
          answer: (reply) => {
            resolve(reply as never);
            return settle();
          },
          refuse: (reason) => {
            reject(new Refused(reason));
            return settle();
          },
        });
      }),
  };
  const attachments = new Attachments(connection);
  const last = () => {
    const found = asked.at(-1);
    if (!found) throw new Error("nothing was asked");
    return found;
  };
  return { asked, last, attachments, settle };
}

const file = (text: string, name = "a.txt", type = "") => new File([text], name, { type });

freshPages();

test("a file goes in pieces, each when the one before was answered, and its answer is kept", async () => {
  const { asked, last, attachments, settle } = kernel();
  attachments.add([file("0123456789"), file("x", "b.txt")]);
  await settle();
  expect(attachments.state).toBe("busy");
  const pieces = [];
  while (attachments.items[0]?.state === "sending") {
    pieces.push([last().offset, last().text]);
    await last().answer(pieces.length === 3 ? READ : null);
  }
  expect(pieces).toEqual([
    [0, "0123"],
    [4, "4567"],
    [8, "89"],
  ]);
  expect(last()).toMatchObject({ offset: 0, text: "x" });
  await last().answer(READ);
  expect(attachments.state).toBe("ready");
  expect(attachments.ids).toEqual([asked[0]?.file, last().file]);
});

test("what is too large or empty is said with the figures, and nothing of it is sent", async () => {
  const { asked, attachments, settle } = kernel();
  attachments.add([
    file("x".repeat(21), "a.zip", "application/zip"),
    file("", "b.txt"),
    file("x".repeat(201)),
  ]);
  await settle();
  expect(attachments.items.map(({ problem }) => problem)).toEqual([
    "a.zip has 21 bytes; at most 20 bytes are attached.",
    "b.txt is empty, or a folder.",
    "a.txt has 201 bytes; at most 200 bytes are attached.",
  ]);
  expect([attachments.state, asked]).toEqual(["failed", []]);
  // It may be a picture, as the browser says, or one that it does not know.
  attachments.add([file("x".repeat(21), "a.png", "image/png"), file("x".repeat(21), "a.heic")]);
  expect(attachments.items.map(({ state }) => state).slice(3)).toEqual(["sending", "waiting"]);
});

test("removing stops an upload, tells the kernel, and lets the next begin", async () => {
  const { asked, attachments, settle } = kernel();
  attachments.add([file("0123456789"), file("x", "b.txt")]);
  await settle();
  const [first] = asked;
  const [item] = attachments.items;
  if (item) attachments.remove(item);
  await settle();
  expect(asked.slice(1).map(({ do: what }) => what)).toEqual(["discard", "upload"]);
  expect(asked[1]?.files).toEqual([first?.file]);
  await first?.answer(null);
  expect(asked.length).toBe(3);
});

test("a refusal stays with its file, which can be tried again from its beginning", async () => {
  const { last, attachments, settle } = kernel();
  attachments.add([file("0123456789")]);
  await settle();
  await last().answer(null);
  const before = last().file;
  await last().refuse("No.");
  const [item] = attachments.items;
  expect(item).toMatchObject({ state: "failed", problem: "No." });
  if (item) attachments.retry(item);
  await settle();
  expect(last()).toMatchObject({ do: "upload", offset: 0, text: "0123" });
  expect(last().file).not.toBe(before);
});

test("a kernel that does not answer is said to be silent; an answer that comes late means nothing to another try", async () => {
  const { asked, last, attachments, settle } = kernel();
  attachments.add([file("0123")]);
  await settle();
  await vi.advanceTimersByTimeAsync(7000);
  const [item] = attachments.items;
  expect(item?.silent).toBe(true);
  if (item) attachments.retry(item);
  await settle();
  await asked[0]?.answer(READ);
  expect(item?.state).toBe("sending");
  await last().answer(READ);
  expect(item).toMatchObject({ state: "ready", silent: false });
});

test("a file that can't be read says so", async () => {
  const { attachments, settle } = kernel();
  const gone = file("0123", "folder");
  vi.spyOn(gone, "slice").mockImplementation(() => {
    throw new DOMException("gone", "NotFoundError");
  });
  attachments.add([gone]);
  await settle();
  expect(attachments.items[0]?.problem).toContain("folder can't be read");
});

test("what was taken and refused comes back before what came meanwhile; what nobody sends is discarded", async () => {
  const { last, attachments, settle } = kernel();
  attachments.add([file("a", "a.txt")]);
  await settle();
  await last().answer(READ);
  const taken = attachments.take();
  expect(attachments.state).toBe(null);
  attachments.add([file("b", "b.txt")]);
  await settle();
  await last().answer(READ);
  attachments.putBack(taken);
  expect(attachments.items.map((item) => item.file.name)).toEqual(["a.txt", "b.txt"]);
  attachments.clear();
  expect([attachments.state, last().do]).toEqual([null, "discard"]);
});

test("a chip shows a file's name as text, what it is and costs, and its removal moves the focus", async () => {
  const { last, attachments, settle } = kernel();
  const leave = vi.fn();
  const chips = new ChipsView(attachments, leave, new AbortController().signal);
  document.body.append(chips.element);
  const name = "<img src=x onerror=alert(1)>.png";
  attachments.add([file("a", name), file("b", "b.txt")]);
  await settle();
  expect(chips.element.querySelector("progress")?.getAttribute("aria-label")).toBe(`Sending ${name}`);
  await last().answer({
    ...READ,
    kind: "image",
    picture: "data:image/svg+xml;base64,AAAA",
    notes: ["scaled down"],
  });
  await last().answer({ ...READ, kind: "image", picture: "data:image/png;base64,AAAA" });
  expect(chips.element.querySelector(".nbp-chip-about")?.textContent).toBe(
    "text, 10 bytes, ≈\u00a01,234\u00a0tokens, scaled down",
  );
  expect(chips.element.querySelector("bdi")?.textContent).toBe(name);
  expect([...chips.element.querySelectorAll("img")].map(({ src }) => src)).toEqual([
    "data:image/png;base64,AAAA",
  ]);
  const said = () => document.querySelector("[role=status]")?.textContent;
  expect(said()).toContain("Attached: b.txt, text, 10 bytes, ≈\u00a01,234\u00a0tokens.");
  const remove = (which: string) =>
    chips.element.querySelector<HTMLButtonElement>(`[aria-label="Remove ${which}"]`)?.click();
  remove("b.txt");
  expect(document.activeElement?.getAttribute("aria-label")).toBe(`Remove ${name}`);
  expect(said()).toBe("b.txt removed.");
  chips.element.querySelector<HTMLButtonElement>(".nbp-chip button:last-child")?.click();
  expect(leave).toHaveBeenCalledOnce();
  expect(chips.element.hidden).toBe(true);
});

test.each([
  ["a picture alone", ["Files"], true, true],
  ["a picture copied from a page", ["text/html", "Files"], true, true],
  ["files of a file manager", ["text/plain", "Files"], true, true],
  ["cells of a spreadsheet", ["text/plain", "text/html", "Files"], true, false],
  ["plain text", ["text/plain"], false, false],
])("%s is taken from the clipboard, or left to the text field", (_, types, files, taken) => {
  const root = document.createElement("div");
  const take = vi.fn();
  takePasted(root, take);
  const clipboardData = { types, files: files ? [file("x")] : [] };
  const event = Object.assign(new Event("paste", { bubbles: true, cancelable: true }), { clipboardData });
  root.dispatchEvent(event);
  expect([take.mock.calls.length, event.defaultPrevented]).toEqual([Number(taken), taken]);
});

test("files can be dropped anywhere, and a sign says so as long as they are over the panel; dragged text is left alone", () => {
  const root = document.createElement("div");
  const inner = document.createElement("p");
  root.append(inner);
  const take = vi.fn();
  takeDropped(root, take);
  const drag = (name: string, types: string[], relatedTarget: Node | null = null) => {
    const event = new MouseEvent(name, { bubbles: true, cancelable: true, relatedTarget });
    inner.dispatchEvent(Object.assign(event, { dataTransfer: { types, files: [file("x")] } }));
    return event.defaultPrevented;
  };
  const sign = root.querySelector<HTMLElement>(".nbp-drop");
  expect([drag("dragover", ["text/plain"]), sign?.hidden]).toEqual([false, true]);
  expect([drag("dragover", ["Files"]), sign?.hidden]).toEqual([true, false]);
  drag("dragleave", ["Files"], inner);
  expect(sign?.hidden).toBe(false);
  drag("dragleave", ["Files"]);
  expect(sign?.hidden).toBe(true);
  expect([drag("drop", ["text/plain"]), drag("drop", ["Files"]), take.mock.calls.length]).toEqual([
    false,
    true,
    1,
  ]);
});

test.each([
  [999, "999 bytes"],
  [123_456, "123 kB"],
  [20_000_000, "20 MB"],
  [1_250_000, "1.3 MB"],
])("%i bytes are %s", (size, words) => {
  expect(megabytes(size)).toBe(words);
});
