/**
 * Keeps the output's height while the widget gives way to the finished Markdown.
 *
 * The first Markdown of a page is drawn some 80 ms after its output was put there; without this, everything below would
 * jump up and down again.
 */

const AREAS = ".jp-OutputArea, .output_area, .cell-output-ipywidget-background, .output";
const HOLD_MS = 1000;

export class Freeze {
  #area: HTMLElement | null = null;
  #height = 0;
  #release: ReturnType<typeof setTimeout> | undefined;
  readonly #sizes: ResizeObserver | null;

  /** Follows the height from now on, as the view is already out of the page when it learns of its end. */
  constructor(el: HTMLElement, signal: AbortSignal) {
    this.#sizes = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(() => this.#measure(el));
    this.#sizes?.observe(el);
    signal.addEventListener("abort", () => this.#sizes?.disconnect());
  }

  /** Holds the height for a second. */
  hold(): void {
    const area = this.#area;
    if (!area?.isConnected || !this.#height) return;
    area.style.minHeight = `${this.#height}px`;
    clearTimeout(this.#release);
    this.#release = setTimeout(() => {
      area.style.minHeight = "";
    }, HOLD_MS);
  }

  #measure(el: HTMLElement): void {
    this.#area ??= el.closest<HTMLElement>(AREAS);
    this.#height = this.#area?.offsetHeight || this.#height;
  }
}
