/** The boxes in which cells of JupyterLab and Notebook ask at the keyboard: a kernel that runs a cell hears nothing else. */

/** Enters a line where a cell asks this question, as if it were typed there. False where none asks it. */
export function enter(question: string, line: string): boolean {
  let entered = false;
  for (const box of document.querySelectorAll(".jp-Stdin")) {
    const input = box.querySelector("input");
    if (!input || box.querySelector(".jp-Stdin-prompt")?.textContent !== question) continue;
    input.value = line;
    input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    entered = true;
  }
  return entered;
}
