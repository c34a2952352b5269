/** Text that only grows, in nodes of bounded size: appending to one huge node copies it each time. */

const LONGEST_NODE = 2048;

export function appendText(parent: Element, text: string): void {
  const last = parent.lastChild;
  if (last instanceof Text && last.length < LONGEST_NODE) last.appendData(text);
  else parent.append(text);
}
