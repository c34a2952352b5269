/** Speaks to screen readers through one polite region of the page: a view may be gone before its last word is read. */

let region: HTMLElement | undefined;

export function announce(text: string): void {
  if (!region?.isConnected) {
    region = document.createElement("div");
    region.className = "nbchat-spoken";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  region.textContent = text;
}
