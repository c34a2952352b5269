import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { meter, renderSettled } from "../markdown/render.ts";
import { MarkdownStream } from "../markdown/stream.ts";

// The sanitiser is slow in jsdom and no part of what is counted.
const plain = vi.hoisted(() => ({ on: false }));
vi.mock("../markdown/sanitize.ts", async (original) => {
  const { sanitize } = await original<typeof import("../markdown/sanitize.ts")>();
  const quick = (html: string) => document.createRange().createContextualFragment(html);
  return { sanitize: (html: string) => (plain.on ? quick(html) : sanitize(html)) };
});

const FIXTURES = resolve(import.meta.dirname, "../../tests/fixtures/markdown");
const documents = readdirSync(FIXTURES)
  .filter((name) => name.endsWith(".md"))
  .map((name) => [name, readFileSync(resolve(FIXTURES, name), "utf8")] as const);

function atOnce(source: string): Element {
  const root = document.createElement("div");
  root.append(renderSettled(source));
  return root;
}

function streamed(pieces: Iterable<string>): { root: Element; stream: MarkdownStream } {
  const root = document.createElement("div");
  const stream = new MarkdownStream(root);
  for (const piece of pieces) {
    stream.append(piece);
    stream.flush();
  }
  return { root, stream };
}

function* split(source: string, sizes: number[]): Generator<string> {
  let at = 0;
  for (let index = 0; at < source.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield source.slice(at, at + size);
    at += size;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });

describe.each(documents)("%s", (name, source) => {
  test("streamed in random pieces it ends in exactly the nodes of rendering at once", () => {
    const expected = atOnce(source).innerHTML;
    fc.assert(
      fc.property(sizes, (pieces) => {
        const { root, stream } = streamed(split(source, pieces));
        stream.finish();
        expect(root.innerHTML).toBe(expected);
      }),
      { numRuns: 5 },
    );
  });

  // Definitions that come after their use are the one thing that the final rendering is for.
  test.skipIf(name.startsWith("late_"))("what was sealed on the way was already right", () => {
    const whole = `${source.trimEnd()}\n\n# The end\n\n.\n\n`;
    const expected = atOnce(whole).innerHTML;
    fc.assert(
      fc.property(sizes, (pieces) => {
        expect(streamed(split(whole, pieces)).root.innerHTML).toBe(expected);
      }),
      { numRuns: 5 },
    );
  });
});

test("a block is sealed as soon as nothing can be part of it any more, not only when the next one has begun", () => {
  const dressed: string[] = [];
  const stream = new MarkdownStream(document.createElement("div"), null, (block) =>
    dressed.push(block.textContent ?? ""),
  );
  const feed = (text: string) => {
    stream.append(text);
    stream.flush();
    return dressed.splice(0);
  };
  expect(feed("A paragraph\nof two lines.\n")).toEqual([]);
  expect(feed("\n")).toEqual(["A paragraph\nof two lines."]);
  expect(feed("$$\nx_1\n$$")).toEqual([]);
  expect(feed("\n")).toEqual(["$$\nx_1\n$$"]);
  expect(feed("- a list\n\n")).toEqual([]);
});

describe("the end", () => {
  const early = "An [image][x] in a paragraph.\n\n".repeat(100);

  function ended(source: string): { root: Element; before: Node[]; cost: number } {
    const { root, stream } = streamed(split(source, [24]));
    const before = [...root.children];
    const start = meter.parsed;
    stream.finish();
    return { root, before, cost: meter.parsed - start };
  }

  test("what is sealed is not rendered again, and its nodes stay", () => {
    const { root, before, cost } = ended(`[x]: https://example.com\n\n${early}The end.`);
    expect(cost).toBeLessThan(100);
    expect([...root.children].every((child, at) => child === before[at])).toBe(true);
  });

  test("of what is sealed, only that is rendered again which a definition has changed", () => {
    const source = `[Some][y].\n\n${early}[y]: https://example.com\n`;
    const { root, cost } = ended(source);
    expect(cost).toBeLessThan(200);
    expect(root.innerHTML).toBe(atOnce(source).innerHTML);
  });
});

describe("cost", () => {
  const paragraph = "Some words with **bold** and `code` and a [link](https://example.com) in them.\n";
  const shapes: Record<string, (lines: number) => string> = {
    "an answer of many blocks": (lines) => `${paragraph}\n`.repeat(lines),
    "one paragraph without a blank line": (lines) => paragraph.repeat(lines),
    "one list": (lines) => `- ${paragraph}`.repeat(lines),
    "one loose list": (lines) => `1. ${paragraph}\n`.repeat(lines),
    "one table": (lines) => `| a | b |\n|---|---|\n${`| ${paragraph.trim()} | x |\n`.repeat(lines)}`,
    "one code block": (lines) => `\`\`\`python\n${paragraph.repeat(lines)}`,
    "one quotation": (lines) => `> ${paragraph}`.repeat(lines),
  };

  test.each(Object.keys(shapes))(
    "twice the text costs about twice the parsing: %s",
    (shape) => {
      plain.on = true;
      const cost = (lines: number) => {
        const before = meter.parsed;
        const { stream } = streamed(split(shapes[shape]?.(lines) ?? "", [24]));
        stream.finish();
        return meter.parsed - before;
      };
      const [single, double] = [cost(80), cost(160)];
      expect(double / single).toBeLessThan(2.3);
    },
    60_000,
  );
});
