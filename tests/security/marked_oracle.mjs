// What a browser would make of Markdown, by the parsers that notebooks use: JupyterLab's way round marked, and
// markdown-it with HTML on, as VS Code has it. Reads a JSON list of texts, writes for each a list of faults: whatever
// could run, load, or send somebody somewhere. Its modules are those of js/node_modules.
//
//   node marked_oracle.mjs < texts.json

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../../js/package.json', import.meta.url));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { marked, Renderer } = await load('marked');
const { JSDOM } = (await load('jsdom')).default;
const MarkdownIt = (await load('markdown-it')).default;

// JupyterLab takes mathematics out before it parses and puts it back into the HTML (@jupyterlab/rendermime, latex.ts).
// This does the same with the same patterns, in our own words.
const DELIMITERS = /(\$\$?|\\(?:begin|end)\{[a-z]*\*?\}|\\[{}$]|[{}]|(?:\n\s*)+|@@\d+@@|\\\\[()[\]])/i;
const FENCES = /^(`{3,}|(?:~T){3,})[^`\n]*\n[\s\S]*?^\1`*$/gm;
const SPANS = /(?:^|[^\\])(`+)[^\n]*?[^`\n]\1(?!`)/gm;

export function takeMaths(source) {
  let text = source;
  const hidden = text.includes('`') || text.includes('~~~');
  const hide = (code) => code.replaceAll('$', '~D');
  const show = (part) => (hidden ? part.replace(/~([TD])/g, (_, sign) => (sign === 'T' ? '~' : '$')) : part);
  if (hidden) text = text.replaceAll('~', '~T').replace(FENCES, hide).replace(SPANS, hide);

  const parts = text.replace(/\r\n?/g, '\n').split(DELIMITERS);
  const maths = [];
  let open = null; // where a formula begins, what ends it, how deep in braces, and where it could have ended

  const keep = (from, to) => {
    const formula = parts.slice(from, to + 1).join('');
    parts.fill('', from, to + 1);
    parts[from] = `@@${maths.length}@@`;
    maths.push(show(formula.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')));
    open = null;
  };

  for (let at = 1; at < parts.length; at += 2) {
    const part = parts[at];
    if (part[0] === '@') {
      parts[at] = `@@${maths.length}@@`;
      maths.push(part);
    } else if (open === null) {
      const end = { $: '$', $$: '$$', '\\\\(': '\\\\)', '\\\\[': '\\\\]' }[part]
        ?? (part.startsWith('\\begin') ? `\\end${part.slice(6)}` : undefined);
      if (end !== undefined) open = { from: at, end, depth: 0, last: null };
    } else if (part === open.end) {
      if (open.depth) open.last = at;
      else keep(open.from, at);
    } else if (/\n.*\n/.test(part)) {
      const { from, last } = open;
      open = null;
      if (last !== null) keep(from, (at = last));
    } else if (part === '{') open.depth += 1;
    else if (part === '}' && open.depth) open.depth -= 1;
  }
  if (open !== null && open.last !== null) keep(open.from, open.last);
  return { text: show(parts.join('')), maths };
}

export const putMaths = (html, maths) =>
  html.replace(/@@(\d+)@@/g, (_, number) =>
    maths[number].replace(/^\\\\([([])([\s\S]*)\\\\([)\]])$/, '\\$1$2\\$3'),
  );

// Its highlighter writes a block's language into an attribute as it is (@jupyterlab/markedparser-extension).
const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const renderer = new Renderer();
const plainCode = renderer.code;
renderer.code = (token) =>
  token.lang
    ? `<pre><code class="language-${token.lang}">${escaped(token.text)}</code></pre>`
    : plainCode.call(renderer, token);

function jupyterlab(source) {
  const { text, maths } = takeMaths(source);
  return putMaths(marked(text, { gfm: true, renderer }), maths);
}

const codeViewer = new MarkdownIt({ html: true, linkify: true });
codeViewer.validateLink = () => true; // it may not be what saves us

const ELEMENTS = new Set(
  'P H1 H2 H3 H4 H5 H6 UL OL LI PRE CODE EM STRONG DEL S A BR HR TABLE THEAD TBODY TR TH TD BLOCKQUOTE INPUT SPAN'.split(' '),
);
const ATTRIBUTES = {
  A: { href: /^(?:https?:\/\/|mailto:|(?!\/*[^/?#]*:))/i, title: /^/ },
  CODE: { class: /^language-[\w+#.-]+$/ },
  OL: { start: /^\d+$/ },
  INPUT: { type: /^checkbox$/, disabled: /^$/, checked: /^$/ },
  TH: { align: /^(?:left|right|center)$/, style: /^text-align: ?(?:left|right|center);?$/ },
  TD: { align: /^(?:left|right|center)$/, style: /^text-align: ?(?:left|right|center);?$/ },
};

const { document } = new JSDOM('').window;

function faults(html) {
  const host = document.createElement('div');
  host.innerHTML = html;
  const found = [];
  for (const element of host.querySelectorAll('*')) {
    const name = element.tagName;
    if (!ELEMENTS.has(name)) found.push(`<${name}>`);
    if (name === 'SPAN' && !['$', '\\'].includes(element.textContent)) found.push(`<SPAN>${element.textContent}`);
    for (const { name: attribute, value } of element.attributes) {
      const allowed = ATTRIBUTES[name]?.[attribute];
      if (!allowed?.test(value.replace(/[\x00-\x20]/g, ''))) found.push(`<${name} ${attribute}=${value}>`);
    }
  }
  return found;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const results = JSON.parse(readFileSync(0, 'utf8')).map((text) => {
    const found = [];
    for (const [viewer, render] of [
      ['jupyterlab', jupyterlab],
      ['marked', (source) => marked(source, { gfm: true })],
      ['markdown-it', (source) => codeViewer.render(source)],
    ]) {
      try {
        found.push(...faults(render(text)).map((fault) => `${viewer}: ${fault}`));
      } catch (error) {
        found.push(`${viewer}: ${error}`);
      }
    }
    return found;
  });
  process.stdout.write(JSON.stringify(results));
}
