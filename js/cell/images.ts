/** Remote images are buttons until the reader asks for them: then, and only then, the page fetches one. */

export function loadImagesOnDemand(root: HTMLElement, signal: AbortSignal): void {
  root.addEventListener(
    "click",
    (event) => {
      const button = (event.target as Element | null)?.closest<HTMLElement>("button.nbchat-image");
      if (!button?.dataset.src) return;
      const image = document.createElement("img");
      image.referrerPolicy = "no-referrer";
      image.alt = button.dataset.alt ?? "";
      image.src = button.dataset.src;
      button.replaceWith(image);
    },
    { signal },
  );
}
