/** How files come into the panel: pasted, dropped, or chosen. */

import { h, iconButton } from "./element.ts";

type Take = (files: File[]) => void;

/** A button that opens the system's own dialogue, for all who do not drag. */
export function attachButton(take: Take): HTMLButtonElement {
  const chooser = h("input", { type: "file", multiple: true });
  chooser.addEventListener("change", () => {
    take([...(chooser.files ?? [])]);
    chooser.value = ""; // so that the same file can be chosen again
  });
  // Not in the page: it only opens the dialogue.
  return iconButton("clip", "Attach files", () => chooser.click());
}

/** Takes the files of the clipboard. Text stays text, for whatever has the focus. */
export function takePasted(root: HTMLElement, take: Take): void {
  root.addEventListener("paste", (event) => {
    const { clipboardData, target } = event;
    const elsewhere = (target as Element).closest("input, textarea:not(.nbp-composer textarea)");
    if (!clipboardData || elsewhere || isRichText(clipboardData)) return;
    const files = [...clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
}

/** Spreadsheets and word processors put a picture of the text beside it: the text is what is meant. */
function isRichText({ types }: DataTransfer): boolean {
  return types.includes("text/plain") && types.includes("text/html");
}

/** Takes the files that are dropped anywhere on the panel, and shows that they can be. */
export function takeDropped(root: HTMLElement, take: Take): void {
  const sign = h(
    "div",
    { class: "nbp-drop", hidden: true, "aria-hidden": "true" },
    "Drop files to attach them",
  );
  root.append(sign);
  const over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    sign.hidden = false;
  };
  root.addEventListener("dragenter", over);
  root.addEventListener("dragover", over);
  root.addEventListener("dragleave", ({ relatedTarget }) => {
    // From one element of the panel to another is not out of it.
    if (!(relatedTarget instanceof Node && root.contains(relatedTarget))) sign.hidden = true;
  });
  root.addEventListener("drop", (event) => {
    sign.hidden = true;
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    take([...event.dataTransfer.files]);
  });
}
