/**
 * What the panel does with the notebook round it: stop past a running cell, insert a cell, keep the conversation in the file.
 *
 * All of this reaches into JupyterLab's and Notebook's own objects, which other front ends lack: nothing is taken for
 * granted, and where there is no way the caller is told.
 */

import type { Model } from "../cell/anywidget.ts";

const WIDGET = "application/vnd.jupyter.widget-view+json";

interface Output {
  data?: Record<string, unknown>;
  metadata?: { nbchat?: { panel?: string } };
}

interface Outputs {
  length: number;
  get(index: number): { toJSON(): Output };
  set(index: number, output: unknown): void;
}

interface Cells extends Iterable<{ outputs?: Outputs }> {
  get?(index: number): unknown;
}

interface Kernel {
  clientId?: string;
  username?: string;
  sendControlMessage?(message: object, expectReply: boolean): { done: Promise<{ content: ExecuteReply }> };
}

interface ExecuteReply {
  user_expressions?: Record<string, { status: string }>;
}

const PANELS = Symbol.for("nbchat.panels");

interface Manager {
  kernel?: Kernel;
  context?: { model?: NotebookModel };
}

interface NotebookModel {
  [PANELS]?: Map<string, () => string>;
  cells?: Cells;
  sharedModel?: { insertCell?(index: number, cell: object): unknown };
  toJSON?(): { cells?: { outputs?: Output[] }[] };
}

export class Notebook {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  get #notebook(): NotebookModel | undefined {
    return (this.#model.widget_manager as Manager | undefined)?.context?.model;
  }

  get #kernel(): Kernel | undefined {
    return (this.#model.widget_manager as Manager | undefined)?.kernel;
  }

  get #id(): string {
    return (this.#model.get("own_id") as string | undefined) ?? "";
  }

  /**
   * Stops by the kernel's control channel, which takes what its shell takes but never waits behind a running cell.
   * False where there is none, or the kernel does not serve it.
   */
  async stopPastTheCell(turn: string | undefined): Promise<boolean> {
    const kernel = this.#kernel;
    if (!kernel?.sendControlMessage) return false;
    const args = [this.#id, turn].filter((arg) => arg !== undefined).map((arg) => JSON.stringify(arg));
    const message = {
      channel: "control",
      header: {
        msg_id: `nbchat-${Date.now()}-${Math.random().toString(36).slice(2)}`,
        msg_type: "execute_request",
        session: kernel.clientId ?? "",
        username: kernel.username ?? "",
        date: new Date().toISOString(),
        version: "5.3",
      },
      parent_header: {},
      metadata: {},
      buffers: [],
      content: {
        // An expression, and no code: that would set off the hooks at the end of a cell, while another is in its midst.
        code: "",
        user_expressions: {
          stopped: `__import__("nbchat.jupyter.panel", fromlist=["stop"]).stop(${args.join(", ")})`,
        },
        silent: true,
        store_history: false,
        // To ipykernel this is the kernel's, not the request's: without it the running cell could not ask for input.
        allow_stdin: true,
        stop_on_error: false,
      },
    };
    try {
      const { content } = await kernel.sendControlMessage(message, true).done;
      return content.user_expressions?.stopped?.status === "ok";
    } catch (error) {
      console.warn("nbchat: stopping by the control channel failed.", error);
      return false;
    }
  }

  /** Puts a cell of code below the one that shows the panel. False where there is no notebook to put it into. */
  insertCell(source: string): boolean {
    const notebook = this.#notebook;
    if (!notebook?.sharedModel?.insertCell) return false;
    const at = this.#places().at(-1)?.cell;
    const count = [...(notebook.cells ?? [])].length;
    // VS Code has a model of no notebook there: whatever goes into it is seen by nobody.
    if (count === 0) return false;
    try {
      notebook.sharedModel.insertCell(at === undefined ? count : at + 1, {
        cell_type: "code",
        source,
        metadata: {},
      });
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Has the notebook's file keep the conversation as Markdown in place of the widget, which nobody could draw without a kernel.
   *
   * Only what is written changes: the page goes on showing the panel, and when it is reloaded, `restoreView` puts it back.
   */
  keepAsMarkdown(conversation: () => string): void {
    const notebook = this.#notebook;
    const write = notebook?.toJSON?.bind(notebook);
    if (!notebook || !write) return;
    // One for all panels of a notebook, each of which brings this code anew.
    const known = notebook[PANELS];
    const panels = known ?? new Map();
    panels.set(this.#id, conversation);
    if (known) return;
    notebook[PANELS] = panels;
    notebook.toJSON = () => {
      const file = write();
      for (const output of (file.cells ?? []).flatMap((cell) => cell.outputs ?? [])) {
        const id = panelOf(output);
        const text = panels.get(id);
        if (!text || !output.data) continue;
        const { [WIDGET]: _, ...rest } = output.data;
        output.data = { ...rest, "text/markdown": text() };
        output.metadata = { ...output.metadata, nbchat: { panel: id } };
      }
      return file;
    };
  }

  /** Shows the panel again where a reloaded notebook has only its Markdown. */
  restoreView(): void {
    for (const { outputs, index, output } of this.#places()) {
      if (output.data?.[WIDGET]) continue;
      const view = { version_major: 2, version_minor: 0, model_id: this.#id };
      outputs.set(index, { ...output, data: { ...output.data, [WIDGET]: view } });
    }
  }

  /** Where the panel is in the notebook. */
  #places(): { cell: number; outputs: Outputs; index: number; output: Output }[] {
    const found: { cell: number; outputs: Outputs; index: number; output: Output }[] = [];
    let cell = 0;
    for (const { outputs } of this.#notebook?.cells ?? []) {
      for (let index = 0; index < (outputs?.length ?? 0); index += 1) {
        const output = outputs?.get(index).toJSON();
        if (outputs && output && this.#isOurs(output)) found.push({ cell, outputs, index, output });
      }
      cell += 1;
    }
    return found;
  }

  #isOurs(output: Output): boolean {
    return this.#id !== "" && panelOf(output) === this.#id;
  }
}

/** The panel that an output shows, or showed before it was saved. */
function panelOf({ data, metadata }: Output): string {
  const view = data?.[WIDGET] as { model_id?: string } | undefined;
  return view?.model_id ?? metadata?.nbchat?.panel ?? "";
}
