import { setTimeout as delay } from "node:timers/promises";
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { refusal } from "#contracts/reasons.ts";
import { isMovedAway } from "#platform/db/move/moved-away.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Running } from "#platform/module/module.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Handlers, UntypedHandler } from "#platform/rpc/service.ts";

/** A module as the others in this process see it, while it may have to wait for its database or start in another one. */
export interface ModuleHost {
  running: Running<DescService>;
  /** Holds calls that change something; resolves when none is under way, or soon. Those held go on after five seconds at most. */
  hold(): Promise<void>;
  /** Lets them go on. */
  letGo(): void;
  /** Stops the module and starts it again, in the place where it is then. Calls wait meanwhile. */
  restart(): Promise<void>;
}

/** Whoever is held longer is better off with a refusal. */
const holdMs = 5_000;
/** How long those under way are waited for: the few that take longer are refused when their tables are gone. */
const drainMs = 1_500;
const againMs = 1_000;

/**
 * Starts a module. With `isAway` its database does not answer: `start` is tried until it does, and calls are refused with
 * DATABASE_UNAVAILABLE until then, so that one database keeps nothing else from working. `look` finds out whether the
 * module is elsewhere by now, and restarts it if so.
 */
export async function hostModule(
  service: DescService,
  options: { start(): Promise<Running<DescService>>; isAway: boolean; look(): Promise<void>; log: Logger },
): Promise<ModuleHost> {
  const { start, look, log } = options;
  const stopping = new AbortController();
  let current: Running<DescService> | undefined;
  /** How often it was started. */
  let starts = 0;
  let gate: Gate | undefined;
  let changing = 0;
  let drained: (() => void) | undefined;
  let told = "";
  let starting: Promise<void> | undefined;

  /** One start at a time, whoever asks for it. */
  function startSoon(): Promise<void> {
    starting ??= startUntilItRuns().finally(() => {
      starting = undefined;
    });
    return starting;
  }

  async function startUntilItRuns(): Promise<void> {
    while (!current && !stopping.signal.aborted) {
      try {
        const started = await start();
        // Stopped meanwhile: nobody would stop this one.
        if (stopping.signal.aborted) return await started.stop?.();
        current = started;
        starts++;
      } catch (error) {
        tell(error as Error);
        await delay(againMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  /** Once for each trouble, and not with every attempt. */
  function tell(error: Error): void {
    if (error.message === told) return;
    told = error.message;
    if (error instanceof DomainError && error.kind === "unavailable")
      log.warn({ reason: told }, "waits for its database");
    else log.error({ err: error }, "cannot use its database");
  }

  function handle(method: DescMethod): UntypedHandler {
    const changes = method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    const call: UntypedHandler = async (request, served) => {
      if (gate && (changes || gate.closed)) await gate.opened;
      if (!current) throw refusal("DATABASE_UNAVAILABLE");
      const before = starts;
      if (changes) changing++;
      try {
        return await (current.handlers as unknown as Record<string, UntypedHandler>)[method.localName]!(
          request,
          served,
        );
      } catch (error) {
        if (!isMovedAway(error)) throw error;
        await look();
        // Nothing of the statement was saved. What only reads can be asked again at once.
        if (starts === before && !gate) throw error;
        if (changes) throw Object.assign(refusal("DATABASE_UNAVAILABLE"), { cause: error });
        return call(request, served);
      } finally {
        if (changes && --changing === 0) drained?.();
      }
    };
    return call;
  }

  async function restart(): Promise<void> {
    gate ??= newGate();
    gate.closed = true;
    const mine = gate;
    const before = current;
    current = undefined;
    await before?.stop?.().catch((error) => log.warn({ err: error }, "the module did not stop in order"));
    await startSoon();
    mine.open();
    if (gate === mine) gate = undefined;
  }

  function letGo(): void {
    gate?.open();
    gate = undefined;
  }

  if (options.isAway) void startSoon();
  else current = await start();
  return {
    running: {
      handlers: Object.fromEntries(
        service.methods.map((method) => [method.localName, handle(method)]),
      ) as unknown as Handlers<DescService>,
      async notReady() {
        if (current) return current.notReady?.();
        return gate ? undefined : "the database cannot be reached";
      },
      async stop() {
        stopping.abort();
        letGo();
        await starting;
        await current?.stop?.();
      },
    },
    async hold() {
      const mine = newGate();
      gate ??= mine;
      setTimeout(() => {
        if (gate === mine && !mine.closed) letGo();
      }, holdMs).unref();
      if (changing === 0) return;
      const ended = new Promise<void>((resolve) => {
        drained = resolve;
      });
      await Promise.race([ended, delay(drainMs, undefined, { ref: false })]);
    },
    letGo,
    restart,
  };
}

/** Where calls wait. */
interface Gate {
  opened: Promise<void>;
  open(): void;
  /** Those that only read wait too. */
  closed: boolean;
}

function newGate(): Gate {
  let open = () => {};
  const late = delay(holdMs, undefined, { ref: false });
  const opened = Promise.race([
    new Promise<void>((resolve) => {
      open = resolve;
    }),
    late,
  ]);
  return { opened, open: () => open(), closed: false };
}
