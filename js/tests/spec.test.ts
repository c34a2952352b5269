/** The example documents of CommonMark and of GitHub's Markdown: where an answer is cut never changes what it becomes. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { tests as commonmark, type SpecExample } from "commonmark-spec";
import { describe, expect, test, vi } from "vitest";
import { renderSettled } from "../markdown/render.ts";
import { MarkdownStream } from "../markdown/stream.ts";

// The sanitiser takes most of the time in jsdom; safety.test.ts holds it.
vi.mock("../markdown/sanitize.ts", () => ({
  sanitize: (html: string) => document.createRange().createContextualFragment(html),
}));

const FIXTURES = resolve(import.meta.dirname, "../../tests/fixtures/markdown");
const gfm = JSON.parse(readFileSync(resolve(FIXTURES, "gfm.json"), "utf8")) as { examples: SpecExample[] };

const documents: [string, SpecExample[]][] = [
  ["CommonMark", commonmark],
  ["GitHub's Markdown", gfm.examples],
];

/** Numbers from 0 to 1 that are the same in every run: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function* pieces(source: string, longest: number, random: () => number): Generator<string> {
  for (let at = 0; at < source.length; ) {
    const size = 1 + Math.floor(random() * longest);
    yield source.slice(at, at + size);
    at += size;
  }
}

function atOnce(source: string): HTMLElement {
  const root = document.createElement("div");
  root.append(renderSettled(source));
  return root;
}

function streamed(parts: Iterable<string>): HTMLElement {
  const root = document.createElement("div");
  const stream = new MarkdownStream(root);
  for (const part of parts) {
    stream.append(part);
    stream.flush();
  }
  stream.finish();
  return root;
}

/** The same text, and the same nodes: two texts side by side are not one. */
function expectSame(found: HTMLElement, expected: HTMLElement, about: string): void {
  expect(found.innerHTML, about).toBe(expected.innerHTML);
  expect(found.isEqualNode(expected), about).toBe(true);
}

test("the specifications' examples are there", () => {
  expect(commonmark.length).toBe(652);
  expect(gfm.examples.length).toBeGreaterThan(40);
});

describe.each(documents)("%s", (_name, examples) => {
  test("each example ends in the nodes of rendering at once, however it is cut", () => {
    const random = seeded(4);
    for (const { markdown, number } of examples) {
      // An arrow stands for a tab in the specifications.
      const source = markdown.replaceAll("→", "\t");
      const expected = atOnce(source);
      for (const longest of [1, 8]) {
        expectSame(streamed(pieces(source, longest, random)), expected, `example ${number}, ${longest}`);
      }
    }
  });

  test.each(["\n", "\r\n", "\r"])(
    "examples one after another do as well, with lines that end in %j",
    (end) => {
      const random = seeded(5);
      for (let round = 0; round < 12; round += 1) {
        const some = Array.from(
          { length: 8 },
          () => examples[Math.floor(random() * examples.length)]?.markdown ?? "",
        );
        const source = some
          .join(random() < 0.5 ? "\n" : "")
          .replaceAll("→", "\t")
          .replaceAll("\n", end);
        const expected = atOnce(source);
        for (const longest of [1, 20]) {
          expectSame(streamed(pieces(source, longest, random)), expected, JSON.stringify(source));
        }
      }
    },
  );
});
