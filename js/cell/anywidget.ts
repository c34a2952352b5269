/** The part of anywidget's interface that we use. */

export interface Model {
  get<K extends string>(name: K): unknown;
  on(event: string, callback: (message: unknown) => void): void;
  off(event: string, callback: (message: unknown) => void): void;
  send(message: unknown, callbacks?: undefined, buffers?: ArrayBuffer[]): void;
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

/** Listens to several events until the signal says that it is over. */
export function listen(
  model: Model,
  signal: AbortSignal,
  handlers: Record<string, (message: unknown) => void>,
): void {
  for (const [event, handler] of Object.entries(handlers)) model.on(event, handler);
  signal.addEventListener("abort", () => {
    for (const [event, handler] of Object.entries(handlers)) model.off(event, handler);
  });
}
