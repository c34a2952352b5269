/** Makes elements. Text is always text: nothing here parses HTML. */

export type Child = Node | string | null | undefined | false;

/** Attributes; handlers as `onclick`; `false` and `null` are left out. */
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => !!child));
  return element;
}

/** What matches in `root`, itself included. */
export function findAll(root: Element, selector: string): Element[] {
  return [...(root.matches(selector) ? [root] : []), ...root.querySelectorAll(selector)];
}

/** Lucide-like strokes, drawn for this panel: one path each on a grid of 24. */
const ICONS = {
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M4 12l5 5L20 6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  again: "M20 5v5h-5M20 10a8 8 0 1 0 0 5",
  bin: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M12 4v15M5 12l7 7 7-7",
  send: "M12 20V5M5 12l7-7 7 7",
  stop: "M7 7h10v10H7z",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4v6M9 14v6",
  shades: "M4 20h16M6 16v-3M12 16V9M18 16V4",
  braces: "M8 4c-4 0-1 8-4 8 3 0 0 8 4 8M16 4c4 0 1 8 4 8-3 0 0 8-4 8",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  insert: "M4 5h16v5H4zM12 13v7M8.500 16.500h7",
  save: "M12 4v11M7 10l5 5 5-5M4 20h16",
  clip: "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.400 3.400 0 0 1 4.800 4.800l-8.500 8.500a1.700 1.700 0 0 1-2.400-2.400L14.500 7",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  sound: "M5 9v6h4l5 4V5L9 9zM17.500 9a4 4 0 0 1 0 6",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10H9",
} as const;

export type Icon = keyof typeof ICONS;

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `nbp-icon nbp-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon and says what it does to everybody. */
export function iconButton(
  name: Icon,
  label: string,
  onclick: (event: MouseEvent) => void,
): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "nbp-button", title: label, "aria-label": label, onclick },
    icon(name),
  );
}

/** Copies, and shows for a moment that it did; false where the page may not. */
export async function copy(text: string, button: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) return false;
  }
  const before = [...button.childNodes];
  button.replaceChildren(icon("check"));
  setTimeout(() => button.replaceChildren(...before), 1200);
  return true;
}

/** For pages without a secure context, where there is no clipboard to write to. */
function copyBySelection(text: string): boolean {
  const area = h("textarea", { class: "nbchat-spoken", readonly: true });
  area.value = text;
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } finally {
    area.remove();
  }
}
