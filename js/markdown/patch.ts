/** Makes old nodes equal to new ones by touching only what differs, so that selections and open images survive. */

/** Replaces what `parent` has after `before` (null: from its start) and ahead of `end` (null: to its end) by `fragment`'s children. */
export function patchBetween(parent: Node, before: Node | null, end: Node | null, fragment: Node): void {
  const from = before ? before.nextSibling : parent.firstChild;
  let old = from === end ? null : from;
  let fresh = fragment.firstChild;
  while (fresh) {
    const next = fresh.nextSibling;
    if (!old) {
      parent.insertBefore(fresh, end);
    } else {
      const after: ChildNode | null = nextUntil(end, old);
      if (!old.isEqualNode(fresh) && !patchNode(old, fresh)) parent.replaceChild(fresh, old);
      old = after;
    }
    fresh = next;
  }
  while (old) {
    const after: ChildNode | null = nextUntil(end, old);
    parent.removeChild(old);
    old = after;
  }
}

function nextUntil(end: Node | null, node: ChildNode): ChildNode | null {
  return node.nextSibling === end ? null : node.nextSibling;
}

/** Whether `old` could be turned into `fresh` in place. */
function patchNode(old: Node, fresh: Node): boolean {
  if (old instanceof Text && fresh instanceof Text) {
    patchText(old, fresh.data);
    return true;
  }
  if (
    !(old instanceof Element && fresh instanceof Element) ||
    !old.cloneNode().isEqualNode(fresh.cloneNode())
  ) {
    return false;
  }
  patchBetween(old, null, null, fresh);
  return true;
}

/** Appending keeps a selection in the text; setting the whole would drop it. */
function patchText(old: Text, data: string): void {
  if (data.startsWith(old.data)) old.appendData(data.slice(old.length));
  else old.data = data;
}
