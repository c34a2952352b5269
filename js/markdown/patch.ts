/** Makes old nodes equal to new ones by touching only what differs, so that selections and open images survive. */

/** Replaces everything after `anchor` (or all children) of `parent` by the children of `fragment`. */
export function patchAfter(parent: Node, anchor: Node | null, fragment: Node): void {
  let old = anchor ? anchor.nextSibling : parent.firstChild;
  let fresh = fragment.firstChild;
  while (fresh) {
    const next = fresh.nextSibling;
    if (!old) {
      parent.appendChild(fresh);
    } else {
      const after: ChildNode | null = old.nextSibling;
      if (!old.isEqualNode(fresh) && !patchNode(old, fresh)) parent.replaceChild(fresh, old);
      old = after;
    }
    fresh = next;
  }
  while (old) {
    const after: ChildNode | null = old.nextSibling;
    parent.removeChild(old);
    old = after;
  }
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
  patchAfter(old, null, fresh);
  return true;
}

/** Appending keeps a selection in the text; setting the whole would drop it. */
function patchText(old: Text, data: string): void {
  if (data.startsWith(old.data)) old.appendData(data.slice(old.length));
  else old.data = data;
}
