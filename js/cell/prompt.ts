/** The boxes in which cells of JupyterLab and Notebook ask at the keyboard: a kernel that runs a cell hears nothing else. */

/**
 * Enters a line where a cell asks this question, as if it were typed there. False where none asks it.
 *
 * Only in the notebook that this place is in: JupyterLab has all open notebooks in one page, and the same may be asked in
 * another of them.
 */
export function enter(place: Element, question: string, line: string): boolean {
  for (const box of place.closest(".jp-Notebook")?.querySelectorAll(".jp-Stdin") ?? []) {
    const input = box.querySelector("input");
    if (!input || box.querySelector(".jp-Stdin-prompt")?.textContent !== question) continue;
    input.value = line;
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    return true;
  }
  return false;
}
