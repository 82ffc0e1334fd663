import { type DescMethodUnary, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { Metadata, ServiceError } from "@grpc/grpc-js";
import { onAbort } from "../protect/on-abort.ts";
import type { Call } from "./call.ts";
import type { Ending, Peer, Peers } from "./peers.ts";
import { endingOf } from "./status.ts";

/** One request on its way to one peer. */
export interface Exchange {
  /** Rejects with the error of gRPC, or with the reason for which the caller is gone. */
  answer: Promise<unknown>;
  /** Another peer was faster; the answer stays open. */
  cancel(): void;
}

export interface Sent {
  request: Message;
  metadata: Metadata;
  call: Call;
}

/** Sends requests of one method, and tells `peers` how each ended. */
export function createExchange(
  method: DescMethodUnary,
  peers: Peers,
  now: () => number,
): (peer: Peer, sent: Sent) => Exchange {
  const path = `/${method.parent.typeName}/${method.name}`;
  const write = (message: Message) => Buffer.from(toBinary(method.input, message));
  const read = (bytes: Buffer) => fromBinary(method.output, bytes);

  return (peer, { request, metadata, call }) => {
    const sentMs = now();
    let settled = false;
    const settle = (ending: Ending) => {
      if (settled) return;
      settled = true;
      peers.settle(peer, ending);
    };
    let hangUp = (_ending: Ending) => {};
    const answer = new Promise<unknown>((resolve, reject) => {
      const givenMs = call.deadlineMs - Date.now();
      const finish = (error: ServiceError | null, message?: unknown) => {
        stop?.();
        const ms = now() - sentMs;
        settle(error ? endingOf(error, { ms, givenMs }) : { how: "answered", ms });
        if (error) reject(error);
        else resolve(message);
      };
      const sent = peer
        .client()
        .makeUnaryRequest(path, write, read, request, metadata, { deadline: call.deadlineMs }, finish);
      sent.on("status", ({ metadata: trailers }) => peers.reported(peer, method.name, trailers));
      hangUp = (ending) => {
        stop?.();
        settle(ending);
        sent.cancel();
      };
      const stop =
        call.signal &&
        onAbort(call.signal, () => {
          reject(call.signal!.reason);
          hangUp({ how: "abandoned" });
        });
    });
    return { answer, cancel: () => hangUp({ how: "abandoned", ms: now() - sentMs }) };
  };
}
