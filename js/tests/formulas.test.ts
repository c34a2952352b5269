/** Formulas set in type by Temml itself; only the way its code comes to the page is stood in for. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { renderSettled } from "../markdown/render.ts";
import setInType from "../maths/index.ts";
import { Formulas, spokenText } from "../panel/formulas.ts";
import { NoSizes } from "./page.ts";

vi.mock("../cell/evaluate.ts", () => ({ evaluate: () => Promise.resolve({ default: setInType }) }));

const { vectors } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../tests/security/xss.json"), "utf8"),
) as { vectors: Record<string, string[]> };

const MATHML = "http://www.w3.org/1998/Math/MathML";
/** What nobody can set, as nothing that a formula may do comes of it. */
const REFUSED = [
  "\\href{javascript:alert(1)}{x}",
  "\\text{\\href{javascript:alert(1)}{x}}",
  "\\url{https://evil.example}",
  "\\includegraphics{https://evil.example/x.png}",
  "\\htmlData{onclick=alert(1)}{x}",
  "\\data{onclick=alert(1)}{x}",
  "\\class{jp-Button}{x}",
  "\\id{body}{x}",
  "\\style{position:fixed}{x}",
  "\\color{red;background:url(//evil.example)}{x_1}",
  "\\toggle{a}{b}\\endtoggle",
  "\\mathtip{x}{y}",
  "x_1 + \\ref{a}",
  "\\def\\a{\\a\\a}\\a",
  "\\let\\frac\\sqrt x_1",
  "\\newcommand{\\a}{x}\\a",
  "\\nosuchcommand{x}",
  "\\frac{a}{",
];
/** What would take long, or much room. */
const BOMBS = [
  ["macros that double", `${doubling(30)}\\a{x}`],
  ["a macro without end", "\\def\\a{x\\a}\\a"],
  ["a very long sum", "x_1 + ".repeat(10_000)],
  ["very deep roots", "\\sqrt{".repeat(600) + "}".repeat(600)],
  ["sizes of sizes", "\\Huge{".repeat(400) + "}".repeat(400)],
  ["a very large matrix", `\\begin{matrix}${"a & b \\\\".repeat(5_000)}\\end{matrix}`],
  ["braces without end", "{".repeat(20_000)],
] as const;

function doubling(steps: number): string {
  const name = (step: number) =>
    `\\${String.fromCharCode(97 + (step % 26)).repeat(1 + Math.floor(step / 26))}`;
  return Array.from({ length: steps }, (_, at) => `\\def${name(at)}#1{${name(at + 1)}{#1#1}}`).join("");
}

// jsdom knows no style of MathML's elements.
const styles = new WeakMap<Element, CSSStyleDeclaration>();
Object.defineProperty(Element.prototype, "style", {
  get(this: Element) {
    const style = styles.get(this) ?? document.createElement("span").style;
    styles.set(this, style);
    return style;
  },
});

vi.stubGlobal("ResizeObserver", NoSizes);

let root: HTMLElement;

beforeEach(() => {
  root = document.body.appendChild(document.createElement("div"));
});

afterEach(() => root.remove());

async function shown(markdown: string): Promise<HTMLElement> {
  root.replaceChildren(renderSettled(markdown));
  await new Promise<void>((done) => {
    const formulas = new Formulas(
      async () => "",
      () => {
        formulas.set();
        if (!formulas.due) done();
      },
    );
    formulas.add(root);
    if (!root.querySelector(".nbchat-math")) done();
  });
  return root;
}

test("a formula is set in type, on a line of its own where it is shown, and keeps its source", async () => {
  await shown(
    "As $E = mc^2$ and \\(\\frac{1}{2}\\):\n\n\\[\n\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}\n\\]",
  );
  const set = [...root.querySelectorAll("math")];
  expect(set.map((math) => [math.getAttribute("display"), math.getAttribute("alttext")])).toEqual([
    [null, "E = mc^2"],
    [null, "\\frac{1}{2}"],
    ["block", "\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}"],
  ]);
  expect(root.querySelectorAll("mtd.tml-right").length).toBe(2);
  expect(root.querySelector<HTMLElement>("mtd")?.style.paddingLeft).toBe("0em");
});

test("to be read aloud, formulas are as they were typed", async () => {
  await shown("As $x_1^2$ is.");
  expect(spokenText(root).trim()).toBe("As x_1^2 is.");
});

test.each(REFUSED)("what is more than a formula, or none, stays as it was typed: %j", async (tex) => {
  for (const source of [`$$${tex}$$`, `\\[\n${tex}\n\\]`]) {
    await shown(source);
    expect(root.querySelector("math, a, img, [href], [id], [onclick]")).toBeNull();
    expect(root.textContent?.trim()).toBe(source);
  }
});

test.each(BOMBS)("is over quickly, and stays as it was typed where it is too much: %s", async (_, tex) => {
  const start = performance.now();
  await shown(`$$\n${tex}\n$$`);
  expect(performance.now() - start).toBeLessThan(1000);
  expect(root.querySelectorAll("*").length).toBeLessThan(3000);
});

test.each(Object.entries(vectors))("nothing of this can run or load: %s", async (_, texts) => {
  for (const text of texts) {
    for (const source of [text, `$$\n${text}\n$$`, `\\(\\text{${text}} x_1\\)`]) {
      await shown(source);
      for (const element of root.querySelectorAll("math, math *")) {
        if (element.localName !== "span") expect(element.namespaceURI, source).toBe(MATHML);
        for (const { name } of element.attributes)
          expect(name).not.toMatch(/^(on|id$|name$|href$|src|xlink)/);
        for (const property of (element as HTMLElement).style)
          expect(property).not.toMatch(/position|background/);
      }
    }
  }
});

test("styles that reach out of the formula are dropped, as are sizes of sizes", async () => {
  await shown("$$\\llap{x} \\reflectbox{y} \\kern-3em \\Huge{z} \\rule{900em}{900em}$$");
  const left = [...root.querySelectorAll<HTMLElement>("math *")].flatMap((element) => [...element.style]);
  expect(left).toContain("margin-left");
  expect(left.join()).not.toMatch(/position|transform|right|bottom/);
  expect(root.querySelector("[mathsize]")).toBeNull();
  expect(root.querySelector("[mathbackground]")?.getAttribute("width")).toBe("20em");
});

describe("the code that sets type", () => {
  test("is fetched with the first formula, and once", async () => {
    const fetch = vi.fn(async () => "");
    const due = vi.fn();
    const formulas = new Formulas(fetch, due);
    root.append(renderSettled("No formula, $5."));
    formulas.add(root);
    expect(fetch).not.toHaveBeenCalled();
    root.replaceChildren(renderSettled("$x_1$"));
    formulas.add(root);
    formulas.add(root);
    await vi.waitFor(() => expect(due).toHaveBeenCalled());
    formulas.set();
    root.append(renderSettled("$x_2$"));
    formulas.add(root);
    formulas.set();
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(root.querySelectorAll("math").length).toBe(2);
  });

  test("may be refused: formulas stay as they were typed, and it is not asked for again", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const fetch = vi.fn(() => Promise.reject(new Error("The kernel is gone.")));
    const formulas = new Formulas(fetch, () => undefined);
    root.append(renderSettled("$x_1$"));
    formulas.add(root);
    await vi.waitFor(() => expect(warn).toHaveBeenCalled());
    formulas.add(root);
    expect([fetch.mock.calls.length, formulas.due, root.textContent?.trim()]).toEqual([1, false, "$x_1$"]);
    warn.mockRestore();
  });
});
