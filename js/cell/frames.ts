/** Runs a task at the next frame, however often it is asked for; in a hidden page, where frames stop, soon after. */

const HIDDEN_MS = 250;

export function oncePerFrame(task: () => void, signal: AbortSignal): () => void {
  let waiting = false;
  const run = () => {
    if (!waiting) return;
    waiting = false;
    if (!signal.aborted) task();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(run);
    setTimeout(run, HIDDEN_MS);
  };
}
