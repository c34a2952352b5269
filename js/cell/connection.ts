/** Ties an answer to the widget's model: messages and traits in, requests out. */

import { Answer } from "./answer.ts";
import { listen, type Model } from "./anywidget.ts";
import { type FromPython, isRunning, type ToPython, type Traits } from "./protocol.ts";
import { settle } from "./settle.ts";

/** A kernel that runs a cell may answer only after it; asking again meanwhile would only add to the queue. */
const PATIENCE_MS = 10_000;

export function connect(model: Model, signal: AbortSignal): Answer {
  const traits = readTraits(model);
  const answer = new Answer(traits);
  const send = (message: ToPython) => model.send(message);
  const askForSnapshot = snapshotRequests(send);

  const hear = (message: FromPython) => {
    if (message.type === "delta") {
      if (!answer.applyDelta(message)) askForSnapshot();
    } else if (message.type === "snapshot") {
      askForSnapshot.answered();
      if (!answer.applySnapshot(message)) askForSnapshot();
    } else if (message.type === "finishing") {
      answer.announceEnd();
    }
  };
  const end = () => {
    const { final } = readTraits(model);
    if (!final?.data) return;
    answer.setState({ final });
    void settle(model, final, signal).then((settled) => settled && send({ type: "settled" }));
  };
  listen(model, signal, {
    "msg:custom": (message) => hear(message as FromPython),
    "change:rounds": () => answer.applySnapshot(readTraits(model)),
    "change:status": () => answer.setState({ status: readTraits(model).status }),
    "change:note": () => answer.setState({ note: readTraits(model).note }),
    "change:final": end,
  });

  // A restored model: what came between Python's reply and now may be missing. Nothing here waits.
  if (isRunning(traits.status) && traits.seq > 0) askForSnapshot();
  end();
  return answer;
}

/** At most one request at a time. */
function snapshotRequests(send: (message: ToPython) => void): (() => void) & { answered(): void } {
  let id = 0;
  let asked = Number.NEGATIVE_INFINITY;
  const ask = () => {
    const now = performance.now();
    if (now - asked < PATIENCE_MS) return;
    asked = now;
    id += 1;
    send({ type: "snapshot", id });
  };
  return Object.assign(ask, {
    answered() {
      asked = Number.NEGATIVE_INFINITY;
    },
  });
}

function readTraits(model: Model): Traits {
  return {
    rounds: (model.get("rounds") as Traits["rounds"] | undefined) ?? [],
    seq: (model.get("seq") as number | undefined) ?? 0,
    status: (model.get("status") as Traits["status"] | undefined) ?? "running",
    note: (model.get("note") as string | undefined) ?? "",
    format: (model.get("format") as Traits["format"] | undefined) ?? "markdown",
    label: (model.get("label") as string | undefined) ?? "Answer",
    final: (model.get("final") as Traits["final"] | undefined) ?? null,
  };
}
