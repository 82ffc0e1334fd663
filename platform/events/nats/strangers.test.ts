import { jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { type NatsLog, openNatsLog } from "#platform/testing/nats-log.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { withNats } from "#platform/testing/private-nats.ts";
import type { LogRow } from "../log/log-row.ts";
import { readOrigin } from "../log/table-source.ts";
import { headersOf, namesOf, readEnd, readHead, type StreamNames } from "./event-stream.ts";
import type { Nats } from "./nats-link.ts";
import { natsScope } from "./nats-scope.ts";
import { packRows } from "./packed-rows.ts";
import { askForRefill, watchRefills } from "./refill.ts";

const soon = { interval: 20, timeout: patienceMs };
const nats = withNats();
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function stranger(): Promise<{ connection: NatsConnection; streams: Nats["streams"] }> {
  const connection = await connect({ servers: nats().url.slice("nats://".length) });
  undo.push(() => connection.close());
  return { connection, streams: (await jetstreamManager(connection)).streams };
}

describe("of messages in the stream", () => {
  const row: LogRow = {
    ...{ partition: 1, position: "7", type: "t", key: "k", trace_id: null, at: new Date(0) },
    payload: Buffer.from("payload"),
  };
  const scope = natsScope("the secret of the cluster");
  const names = namesOf(scope, "origin");
  const data = packRows([row]);
  const sent = {
    origin: "origin",
    position: "7",
    previous: 3,
    sequence: 0,
    again: "",
    partitioning: "0:16 5:32",
  };
  type Told = { header: ReturnType<typeof headersOf>; data: Uint8Array };
  const real = (): Told => ({ header: headersOf(names, data, sent), data });
  const withHeader = (name: string, value: string) => (told: Told) => {
    told.header.set(name, value);
    return told;
  };
  const forgeries: Record<string, (told: Told) => Told> = {
    "with another position": withHeader("Douya-Position", "8"),
    "with another position before": withHeader("Douya-Previous", "0"),
    "with other partitions": withHeader("Douya-Partitioning", "0:16"),
    "with other events": (told) => ({ ...told, data: packRows([{ ...row, key: "other" }]) }),
    "with another's signature": () => {
      const other = namesOf(natsScope("another secret"), "origin");
      return { header: headersOf({ ...other, subject: names.subject }, data, sent), data };
    },
    "with the signature of another database": () => ({
      header: headersOf(namesOf(scope, "other"), data, sent),
      data,
    }),
    "with a signature that is none": withHeader("Douya-Signature", "signed"),
  };
  const headOf = (of: StreamNames, { header, data }: Told) =>
    readHead(of, { header, data } as Parameters<typeof readHead>[1]);

  it("that of a relay is believed", () => {
    expect(headOf(names, real())).toMatchObject({ position: 7, previous: 3 });
  });

  it.each(Object.entries(forgeries))("one %s is not, also while unsigned ones are", (_what, forge) => {
    expect(headOf(names, forge(real()))).toBeUndefined();
    const believing = namesOf(natsScope("the secret of the cluster", { unsigned: true }), "origin");
    expect(headOf(believing, real())).toBeDefined();
    expect(headOf(believing, forge(real()))).toBeUndefined();
  });

  it("one without a signature is believed only while an operator says so", () => {
    const unsigned = real();
    unsigned.header.delete("Douya-Signature");
    expect(headOf(names, unsigned)).toBeUndefined();
    const believing = namesOf(natsScope("the secret of the cluster", { unsigned: true }), "origin");
    expect(headOf(believing, unsigned)).toMatchObject({ position: 7 });
  });
});

describe("whoever writes to NATS without the secret", () => {
  const warnings: string[] = [];
  let log: NatsLog;
  let names: StreamNames;
  beforeEach(async () => {
    warnings.splice(0);
    log = await openNatsLog(nats().url, createLog("warn", { write: (line) => warnings.push(line) }));
    undo.push(log.close);
    names = namesOf(log.scope, await readOrigin(log.here.database.pool));
    log.consume();
    for (const value of ["a:1", "a:2", "a:3"]) {
      await log.emit(value);
      await expect.poll(log.effects, soon).toContain(value);
    }
  });

  const said = (what: string) => warnings.filter((line) => line.includes(what));

  /** The positions that the stream has been given by the relay, in order. */
  async function positions(streams: Nats["streams"]): Promise<number[]> {
    const { state } = await streams.info(names.stream);
    const found: number[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await streams.getMessage(names.stream, { seq });
      const head = readHead(names, message!);
      if (head && message!.header.get("Nats-Expected-Last-Sequence")) found.push(head.position);
    }
    return found;
  }

  async function expectNothingCopiedAgain(streams: Nats["streams"]): Promise<void> {
    await log.emit("a:last");
    await expect.poll(log.effects, soon).toEqual(["a:1", "a:2", "a:3", "a:last"]);
    const all = await positions(streams);
    expect(all.length).toBeGreaterThanOrEqual(4);
    expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
  }

  it("has nothing copied again by asking for it, and is named once", async () => {
    const { connection, streams } = await stranger();
    const asked: string[] = [];
    connection.subscribe(names.refill, { callback: (_, message) => void asked.push(message.string()) });
    const { created, state } = await streams.info(names.stream);
    const read = { created, sequence: state.last_seq };
    const others = { ...names, scope: natsScope("another secret") };
    for (let i = 0; i < 50; i++) {
      connection.publish(names.refill, "0");
      connection.publish(names.refill, "all of it");
      const unreadable = headers();
      unreadable.set("Douya-Signature", "signed");
      connection.publish(names.refill, "0", { headers: unreadable });
      askForRefill({ connection } as Nats, others, 0, read);
    }
    await connection.flush();
    await expect.poll(() => asked.length, soon).toBe(200);
    await expectNothingCopiedAgain(streams);
    expect(said("asks to copy events")).toHaveLength(1);
  });

  it("has nothing copied again by a message of ours that is repeated, or by very many others", async () => {
    const { connection, streams } = await stranger();
    const { header, subject, data } = (await streams.getMessage(names.stream, { seq: 1 }))!;
    for (const name of ["Nats-Msg-Id", "Nats-Expected-Last-Sequence"]) header.delete(name);
    await connection.request(subject, data, { headers: header, timeout: patienceMs });
    await expectNothingCopiedAgain(streams);
    for (let i = 0; i < 250; i++) await connection.request(subject, "no event", { timeout: patienceMs });
    // Nor by a relay that comes anew.
    expect((await readEnd({ streams } as Nats, names)).position).toBeDefined();
    await log.emit("a:after");
    await expect.poll(log.effects, soon).toEqual(["a:1", "a:2", "a:3", "a:last", "a:after"]);
    const all = await positions(streams);
    expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
    // By each of the processes that read the stream.
    expect(said("is passed over").length).toBeGreaterThan(0);
    expect(said("is passed over").length).toBeLessThanOrEqual(2);
  });
});

describe("a request to copy again", () => {
  const secret = "the secret of the cluster";
  /** A relay that is asked, and how often it was woken. */
  async function listen({ unsigned = false, pauseMs = 0 } = {}) {
    const { connection } = await stranger();
    const here = { connection } as Nats;
    const names = namesOf(natsScope(secret, { unsigned }), "origin");
    let woken = 0;
    const wake = () => void woken++;
    const refills = watchRefills(here, names, { wake, pauseMs, log: createLog("silent") });
    undo.push(refills.end);
    const made = { created: "one", sequence: 10 };
    refills.at({ ...made, position: 100 });
    return {
      refills,
      connection,
      names,
      /** Returns whether the request was taken note of. */
      async ask(position: number, read = made) {
        const before = woken;
        askForRefill(here, names, position, read);
        // What comes to this connection is there before the answer.
        await connection.flush();
        return woken > before;
      },
    };
  }

  it("of a process of ours is done, from the lowest position, and once", async () => {
    const { refills, ask } = await listen();
    expect(await ask(50)).toBe(true);
    expect(await ask(40)).toBe(true);
    expect(refills.take({ position: 100, sequence: 10 })).toBe(40);
    // What was sent before it is there.
    refills.at({ created: "one", sequence: 10, position: 100 });
    // It is under way.
    expect(await ask(30)).toBe(false);
    expect(refills.take({ position: 41, sequence: 10 })).toBeUndefined();
    refills.at({ created: "one", sequence: 12, position: 100 });
    // Recorded by somebody, and said again.
    expect(await ask(40)).toBe(false);
    expect(refills.take({ position: 100, sequence: 10 })).toBeUndefined();
    // By somebody who has read what was copied, and still misses it.
    expect(await ask(40, { created: "one", sequence: 12 })).toBe(true);
    // After as long a pause as the one before took.
    await expect.poll(() => refills.take({ position: 100, sequence: 10 }), soon).toBe(40);
  });

  it("about a stream that is gone is left out", async () => {
    const { refills, ask } = await listen();
    refills.at({ created: "two", sequence: 3, position: 100 });
    expect(await ask(50)).toBe(false);
    expect(await ask(50, { created: "two", sequence: 3 })).toBe(true);
  });

  it("waits after the one before", async () => {
    const { refills, ask } = await listen({ pauseMs: 3_600_000 });
    await ask(50);
    expect(refills.take({ position: 100, sequence: 10 })).toBe(50);
    refills.at({ created: "one", sequence: 12, position: 100 });
    expect(await ask(50, { created: "one", sequence: 12 })).toBe(true);
    expect(refills.take({ position: 100, sequence: 10 })).toBeUndefined();
  });

  it("is not needed for what nobody has written yet", async () => {
    const { refills, ask } = await listen();
    await ask(100);
    expect(refills.take({ position: 100, sequence: 10 })).toBeUndefined();
  });

  it("of a version that signs nothing is done while an operator says so", async () => {
    for (const unsigned of [false, true]) {
      const { refills, connection, names } = await listen({ unsigned });
      connection.publish(names.refill, "50");
      await connection.flush();
      expect(refills.take({ position: 100, sequence: 10 })).toBe(unsigned ? 50 : undefined);
    }
  });
});
