import type { BlobStore } from "#platform/blob/blob-store.ts";
import { exportZip } from "#platform/export/export-zip.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { dataOfPerson } from "./data-of-person.ts";

/** Who asks wakes the gateway that was asked; the others look now and then, for one whose maker died. */
const lookEveryMs = 30_000;
const keepEveryMs = 15_000;
const callMs = 10_000;
/** Putting a file of many gigabytes in its place. */
const finishMs = 600_000;
/** A person's quota, and what is besides. */
const maxBytes = 1024 ** 4;

export interface ExportMaker {
  /** Looks for an export that waits. */
  wake(): void;
  stop(): Promise<void>;
}

/**
 * Makes the exports that people asked for, one at a time in this process, the one that has waited longest first. The user
 * module says which; while it is being made it is held, and who dies holds it no longer than a minute.
 */
export function makeExports(clients: GatewayClients, blobs: BlobStore, log: Logger): ExportMaker {
  const stopping = new AbortController();
  const newCall = (callerId?: string, ms = callMs): Call => ({
    callerId,
    traceId: newTraceId(),
    deadlineMs: Date.now() + ms,
    priority: "sheddable",
  });

  /** Whether there was one. */
  async function makeNext(): Promise<boolean> {
    const { userId, username, name, ticket } = await clients.user.takeExport({}, newCall());
    if (userId === "") return false;
    const held = { userId, ticket };
    const lost = new AbortController();
    let progress = { done: 0, total: 0 };
    const keep = async () => {
      const { held: still } = await clients.user.keepExport({ ...held, ...progress }, newCall());
      if (!still) lost.abort(new Error("another process makes it, or nobody wants it any more"));
    };
    const signal = AbortSignal.any([stopping.signal, lost.signal]);
    const stopKeeping = repeatEvery(keepEveryMs, keep, (error) =>
      log.warn({ err: error }, "could not hold an export"),
    );
    try {
      const data = await dataOfPerson(clients, { id: userId, username, name }, () => newCall(userId));
      const staged = await exportZip(
        data,
        blobs,
        async (done, total) => {
          signal.throwIfAborted();
          progress = { done, total: total + 1 };
          await keep();
        },
        (zip, { media }) => {
          const cut = () => zip.destroy(signal.reason);
          signal.addEventListener("abort", cut, { once: true });
          return blobs
            .receive(zip, { maxBytes, expectedBytes: media.bytes || undefined })
            .finally(() => signal.removeEventListener("abort", cut));
        },
      );
      await clients.user.finishExport(
        { ...held, staged: staged.name, sha256: staged.sha256, sizeBytes: staged.sizeBytes },
        newCall(undefined, finishMs),
      );
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error }, "could not put somebody's data together");
      await clients.user.finishExport(held, newCall()).catch(() => {});
    } finally {
      await stopKeeping();
    }
    return true;
  }

  let again = false;
  let running: Promise<void> | undefined;
  function work(): Promise<void> {
    again = true;
    running ??= (async () => {
      while (again && !stopping.signal.aborted) {
        again = false;
        while (!stopping.signal.aborted && (await makeNext()));
      }
    })().finally(() => {
      running = undefined;
    });
    return running;
  }
  // Until the user module answers there is nothing to make.
  const onError = (error: unknown) => log.debug({ err: error }, "could not look for exports");
  const stopLooking = repeatEvery(lookEveryMs, work, onError);
  return {
    wake: () => void work().catch(onError),
    async stop() {
      stopping.abort(new Error("this process stops"));
      await stopLooking();
      await running?.catch(() => {});
    },
  };
}
