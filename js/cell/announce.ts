/** Speaks to screen readers through one polite region of the page: a view may be gone before its last word is read. */

/** On the element itself: where a host keeps a widget in a shadow root, its style sheet does not reach the page's body. */
const UNSEEN = {
  clipPath: "inset(50%)",
  height: "1px",
  overflow: "hidden",
  position: "absolute",
  whiteSpace: "nowrap",
  width: "1px",
};

let region: HTMLElement | undefined;

export function announce(text: string): void {
  if (!region?.isConnected) {
    region = document.createElement("div");
    Object.assign(region.style, UNSEEN);
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  region.textContent = text;
}
