/** The part of anywidget's interface that we use. */

export interface Model {
  get<K extends string>(name: K): unknown;
  on(event: string, callback: (message: unknown) => void): void;
  off(event: string, callback: (message: unknown) => void): void;
  send(message: unknown): void;
  /** JupyterLab's and Notebook's own; other front ends have others, or none. */
  widget_manager?: unknown;
}

export interface InitializeProps {
  model: Model;
  signal: AbortSignal;
}

export interface RenderProps extends InitializeProps {
  el: HTMLElement;
}

/** What a module's default export makes, once per model. */
export interface Widget {
  initialize(props: InitializeProps): void;
  render(props: RenderProps): void;
}

/** Listens until the signal says that it is over. */
export function listen(
  model: Model,
  event: string,
  signal: AbortSignal,
  callback: (message: unknown) => void,
): void {
  model.on(event, callback);
  signal.addEventListener("abort", () => model.off(event, callback));
}
