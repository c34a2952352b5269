/**
 * The list of messages: a window on the transcript that follows its end until the reader scrolls up.
 *
 * However long the conversation, the page holds no more than MOST messages of it.
 */

import { announce } from "../cell/announce.ts";
import { oncePerFrame } from "../cell/frames.ts";
import { loadImagesOnDemand } from "../cell/images.ts";
import type { Actions } from "./actions.ts";
import { AnswerView } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { h, icon } from "./element.ts";
import { Formulas, spokenText } from "./formulas.ts";
import { OtherView, QuestionView } from "./question.ts";
import type { Change, Item } from "./transcript.ts";

const FIRST = 40;
const MORE = 30;
const MOST = 120;
/** How near to an end, in pixels, counts as there; how near further messages are fetched. */
const NEAR = 40;
const AHEAD = 600;

type View = QuestionView | AnswerView | OtherView;

export class MessagesView {
  readonly element = h("div", { class: "nbp-messages" });
  readonly #list = h("div", {
    class: "nbp-list",
    role: "log",
    "aria-live": "off",
    "aria-label": "Conversation",
  });
  readonly #empty: HTMLElement;
  readonly #more: HTMLButtonElement;
  readonly #scroller: HTMLElement;
  readonly #connection: Connection;
  readonly #actions: Actions;
  readonly #draw: () => void;
  readonly #formulas: Formulas;
  readonly #views = new Map<string, { view: View; item: Item }>();
  #from: number;
  /** Where the window ends; null follows the end. */
  #to: number | null = null;
  #stuck = true;
  #lastTop = 0;
  #fetching = false;
  #stale = true;
  #running = new Set<string>();
  #asked = new Set<string>();

  constructor(connection: Connection, actions: Actions, empty: HTMLElement, signal: AbortSignal) {
    this.#connection = connection;
    this.#actions = actions;
    this.#empty = empty;
    this.#from = Math.max(0, connection.transcript.total - FIRST);
    this.#more = h(
      "button",
      { type: "button", class: "nbp-more", hidden: true, onclick: () => this.toEnd() },
      icon("down"),
      "New text below",
    );
    this.#scroller = h(
      "div",
      { class: "nbp-scroller", tabindex: 0, role: "group", "aria-label": "Messages" },
      empty,
      this.#list,
    );
    this.element.append(this.#scroller, this.#more);
    this.#draw = oncePerFrame(() => this.#drawNow(), signal);
    this.#formulas = new Formulas(() => connection.request("maths", {}), this.#draw);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    loadImagesOnDemand(this.#list, signal);
    const sizes = new ResizeObserver(() => this.#stuck && this.#scrollToEnd());
    sizes.observe(this.#scroller);
    sizes.observe(this.#list); // a picture is there later than its message
    signal.addEventListener("abort", () => sizes.disconnect());
    const unsubscribe = connection.transcript.subscribe((change) => this.#told(change));
    signal.addEventListener("abort", unsubscribe);
    this.#drawNow();
  }

  /** Goes to the end, and follows it from then on. */
  toEnd(): void {
    this.#to = null;
    this.#from = Math.max(0, this.#connection.transcript.total - FIRST);
    this.#stuck = true;
    this.#stale = true;
    this.#drawNow();
  }

  #told(change: Change): void {
    if (change.kind === "items") {
      this.#stale = true;
    } else if (change.kind === "text") {
      const found = this.#views.get(change.key);
      if (found?.view instanceof AnswerView) found.view.append(change.choice, change.what, change.text);
    }
    this.#draw();
  }

  #drawNow(): void {
    const below = this.#stale ? this.#reconcile() : false;
    this.#stale = false;
    for (const { view } of this.#views.values()) if (view instanceof AnswerView) view.flush();
    if (this.#formulas.due) this.#keepPlace(() => this.#formulas.set());
    if (this.#stuck) this.#scrollToEnd();
    else if (below || this.#running.size > 0) this.#more.hidden = this.#isNearEnd();
    this.#speak();
  }

  /** Makes the list what the window shows, keeping the views that stay. True if something came at the end. */
  #reconcile(): boolean {
    const { transcript } = this.#connection;
    if (this.#stuck) this.#from = Math.max(this.#from, transcript.total - MOST);
    this.#from = Math.min(this.#from, Math.max(0, transcript.shown - 2));
    const items = [
      ...transcript.settled(this.#from, this.#to ?? transcript.total),
      ...(this.#to === null ? transcript.live() : []),
    ];
    const keys = new Set(items.map((item) => item.key));
    const before = this.#list.lastElementChild;
    for (const [key, { view }] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    let place = this.#list.firstElementChild;
    for (const item of items) {
      const { element } = this.#view(item);
      if (element === place) place = place.nextElementSibling;
      else this.#list.insertBefore(element, place);
    }
    this.#empty.hidden = items.length > 0;
    return this.#list.lastElementChild !== before;
  }

  #view(item: Item): View {
    const kind = item.kind === "message" ? item.message.role : item.kind;
    const known = this.#views.get(item.key);
    const view =
      known?.view ??
      (kind === "user" || kind === "question"
        ? new QuestionView(this.#actions)
        : kind === "assistant" || kind === "answer"
          ? new AnswerView(this.#actions, this.#formulas)
          : new OtherView());
    if (item.kind === "message") {
      const settled = known?.item.kind === "message" ? known.item.message : null;
      if (settled !== item.message) view.showMessage(item.message);
    } else if (!(view instanceof OtherView)) {
      view.showTurn(item.turn);
    }
    this.#views.set(item.key, { view, item });
    return view;
  }

  #scrolled(): void {
    const { scrollTop } = this.#scroller;
    // Text that comes moves nothing; only a reader scrolls up.
    if (scrollTop < this.#lastTop - 1 && !this.#isNearEnd()) this.#stuck = false;
    else if (this.#to === null && this.#isNearEnd()) this.#stuck = true;
    this.#lastTop = scrollTop;
    if (this.#stuck) this.#more.hidden = true;
    if (scrollTop < AHEAD && this.#from > 0 && !this.#stuck) void this.#extendUp();
    if (this.#to !== null && this.#fromEnd() < AHEAD) this.#extendDown();
  }

  async #extendUp(): Promise<void> {
    if (this.#fetching) return;
    const { transcript } = this.#connection;
    const from = Math.max(0, this.#from - MORE);
    if (!transcript.message(from)) {
      this.#fetching = true;
      try {
        const count = this.#from - from;
        const found = await this.#connection.request("earlier", { before: this.#from, count });
        transcript.addEarlier(found.from, found.messages);
      } catch {
        return; // the kernel is gone: what is there stays
      } finally {
        this.#fetching = false;
      }
    }
    this.#keepPlace(() => {
      this.#from = from;
      if ((this.#to ?? transcript.total) - from > MOST) this.#to = from + MOST;
      this.#reconcile();
    });
  }

  #extendDown(): void {
    const { transcript } = this.#connection;
    this.#keepPlace(() => {
      const to = (this.#to ?? transcript.total) + MORE;
      this.#to = to >= transcript.total ? null : to;
      this.#from = Math.max(this.#from, Math.min(to, transcript.total) - MOST);
      this.#reconcile();
    });
  }

  /** Changes something while what the reader looks at stays where it is. */
  #keepPlace(change: () => void): void {
    const seen = this.#seen();
    const before = seen?.getBoundingClientRect().top ?? 0;
    change();
    if (seen?.isConnected) this.#scroller.scrollTop += seen.getBoundingClientRect().top - before;
    this.#lastTop = this.#scroller.scrollTop;
  }

  /** What begins at the top of what is in sight; of what reaches over that edge, the part that does. */
  #seen(): Element | undefined {
    const { top } = this.#scroller.getBoundingClientRect();
    let seen: Element | undefined;
    let inside: Element | undefined = this.#list;
    while (inside) {
      inside = [...inside.children].find((element) => element.getBoundingClientRect().bottom > top);
      seen = inside ?? seen;
      if (inside && inside.getBoundingClientRect().top >= top) break;
    }
    return seen;
  }

  #scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
    this.#more.hidden = true;
  }

  #fromEnd(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #isNearEnd(): boolean {
    return this.#to === null && this.#fromEnd() < NEAR;
  }

  /** Says once that an answer is there, and what it is, and that a tool waits: not every word as it comes. */
  #speak(): void {
    const { transcript } = this.#connection;
    const now = new Set<string>();
    for (const item of transcript.live())
      if (item.kind === "answer" && item.turn.state === "streaming") now.add(item.key);
    const said: string[] = [];
    for (const key of this.#running) {
      if (now.has(key)) continue;
      const choice = this.#views.get(key)?.view.element.querySelector(".nbchat-choice");
      const text = choice ? spokenText(choice) : "";
      said.push(text ? `Answer: ${text.slice(0, 1000)}` : "The answer ended.");
    }
    for (const turn of transcript.turns)
      if (turn.state === "failed" && [...this.#running].some((key) => key.startsWith(turn.id)))
        said.push(turn.error ?? "");
    const asking = transcript.asking();
    for (const { id, name } of asking)
      if (!this.#asked.has(id))
        said.push(`The model asks to call ${name}: allow it, or don't, in the conversation.`);
    this.#asked = new Set(asking.map(({ id }) => id));
    this.#running = now;
    if (said.length > 0) announce(said.join(" "));
  }
}
