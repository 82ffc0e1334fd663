import { headers, type Msg } from "@nats-io/transport-node";
import type { Logger } from "../../observe/log.ts";
import { nowAndThen } from "../../observe/now-and-then.ts";
import type { StreamEnd, StreamNames } from "./event-stream.ts";
import type { Nats } from "./nats-link.ts";

/** What a stream had last, for somebody who has read all of it. */
interface ReadUpTo {
  /** When it was made: one that was made again is another one. */
  created: string;
  sequence: number;
}

const header = {
  created: "Douya-Created",
  sequence: "Douya-Sequence",
  /** Of the above, the subject and the position. */
  signature: "Douya-Signature",
} as const;

/** Asks the relay to copy again what comes after a position, by somebody who has not found it in the stream so far. */
export function askForRefill(
  { connection }: Nats,
  names: StreamNames,
  position: number,
  read: ReadUpTo,
): void {
  const all = headers();
  all.set(header.created, read.created);
  all.set(header.sequence, String(read.sequence));
  all.set(header.signature, names.scope.signer.sign(signedText(names, String(position), read)));
  // Versions that sign nothing look at the position alone.
  connection.publish(names.refill, String(position), { headers: all });
}

function signedText({ refill }: StreamNames, position: string, { created, sequence }: ReadUpTo): string {
  return JSON.stringify([refill, position, created, sequence]);
}

/** `read` is undefined in the words of a version that signs nothing. Undefined for what no process of ours has written. */
function readRequest(
  names: StreamNames,
  message: Msg,
): { position: number; read: ReadUpTo | undefined } | undefined {
  const position = message.string();
  if (!/^\d{1,15}$/.test(position)) return undefined;
  const signature = message.headers?.get(header.signature) ?? "";
  if (!signature) return names.scope.unsigned ? { position: Number(position), read: undefined } : undefined;
  const read = {
    created: message.headers!.get(header.created),
    sequence: Number(message.headers!.get(header.sequence)),
  };
  const isOurs = names.scope.signer.isSigned(signedText(names, position, read), signature);
  return isOurs ? { position: Number(position), read } : undefined;
}

/** What the relay is asked to copy again. */
export interface Refills {
  /** Tells what the stream has. */
  at(end: StreamEnd): void;
  /**
   * After which position the relay is to copy again, which has sent this far: one refill after the other, and for half of
   * the time at most.
   */
  take(sent: { position: number; sequence: number }): number | undefined;
  end(): void;
}

/** The copies need a moment until they reach those who read. */
const defaultPauseMs = 3_000;
const notOurs =
  "somebody asks to copy events to NATS again and has not signed it with DOUYA_CLUSTER_SECRET, so it is not done: it is a process of an earlier version (DOUYA_UNSIGNED=allowed believes it while you upgrade), or somebody else writes to NATS";

/** Everybody who misses something asks again until they have it, so what is asked at a bad moment may be forgotten. */
export function watchRefills(
  { connection }: Nats,
  names: StreamNames,
  { wake, pauseMs = defaultPauseMs, log }: { wake: () => void; pauseMs?: number; log: Logger },
): Refills {
  const maySay = nowAndThen();
  let stream: ReadUpTo | undefined;
  /** The lowest position of all who ask. */
  let asked: number | undefined;
  let underWay: { to: number; after: number; sinceMs: number } | undefined;
  let notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Whoever has not read what was copied last, repeats what was said before that: a request is good for one refill. */
  function isLate({ created, sequence }: ReadUpTo): boolean {
    return created !== stream?.created || sequence < stream.sequence;
  }

  const subscription = connection.subscribe(names.refill, {
    callback(error, message) {
      if (error) return;
      const request = readRequest(names, message);
      if (!request) {
        if (maySay(names.refill)) log.warn({ stream: names.stream }, notOurs);
        return;
      }
      if (underWay || (request.read && isLate(request.read))) return;
      asked = Math.min(asked ?? request.position, request.position);
      wake();
    },
  });
  return {
    at(end) {
      if (stream?.created !== end.created) {
        stream = end;
        if (underWay) underWay.after = 0;
      }
      if (!underWay || end.sequence <= underWay.after || (end.position ?? 0) < underWay.to) return;
      const nowMs = performance.now();
      notBeforeMs = nowMs + Math.max(pauseMs, nowMs - underWay.sinceMs);
      underWay = undefined;
      stream = end;
    },
    take({ position, sequence }) {
      const nowMs = performance.now();
      const from = asked;
      if (underWay || from === undefined || nowMs < notBeforeMs) return undefined;
      asked = undefined;
      if (from >= position) return undefined;
      underWay = { to: position, after: sequence, sinceMs: nowMs };
      return from;
    },
    end: () => subscription.unsubscribe(),
  };
}
