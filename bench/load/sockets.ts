import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { answerQuestions } from "../worker.ts";

/**
 * Many WebSockets held by one process that takes little of what it measures: raw sockets that read text frames of up to
 * 64 KB and send short ones, and nothing else of the protocol.
 */
export type SocketsJob = Open | Converse | Echo | { do: "close" };

/** Connects with a hello each, and waits until everybody has been welcomed and has had `entries`. */
export interface Open {
  do: "open";
  /** Of servers, in turn. */
  ports: readonly number[];
  /** Undefined: no hello is sent, and none answered. */
  hellos?: { token: string; epoch?: string; seq?: string }[];
  connections: number;
  /** Entries that each is behind. */
  behind?: number;
  /** Connections under way at a time. */
  atOnce: number;
}
export interface Opened {
  tookMs: number;
  /** How many came without the gap being closed. */
  unrecovered: number;
  /** Connections that failed and were tried again. */
  again: number;
  /** Where each is now. */
  positions: { epoch: string; seq: string }[];
}

/**
 * The open connections talk in pairs, the first two with each other and so on: whoever gets a message acknowledges it and
 * writes the next. With `perSecond`, messages fall due at this rate instead, whatever the server does, and latency counts
 * from then.
 */
export interface Converse {
  do: "converse";
  pairs: number;
  /** Of the connections, in their order. */
  people: string[];
  durationMs: number;
  perSecond?: number;
}
/** Each sends a frame as soon as its last one has come back. */
export interface Echo {
  do: "echo";
  connections: number;
  durationMs: number;
}
export interface Conversed {
  sent: number;
  delivered: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  generatorCpu: number;
}

interface Line {
  socket: Socket;
  write(frame: string): void;
  hear: (frame: string) => void;
}

/** Ephemeral ports of one address are some 28,000. */
const perAddress = 20_000;
const answerMs = 110_000;
let lines: Line[] = [];
let opened = 0;

answerQuestions(async (job: SocketsJob): Promise<Opened | Conversed | undefined> => {
  if (job.do === "open") return await open(job);
  if (job.do === "converse") return await converse(job);
  if (job.do === "echo") return await echo(job);
  await Promise.all(
    lines.map(({ socket }) => new Promise((resolve) => socket.once("close", resolve).destroy())),
  );
  lines = [];
  return undefined;
});

async function open({ ports, hellos, connections, behind = 0, atOnce }: Open): Promise<Opened> {
  const startedMs = performance.now();
  const from = lines.length;
  const positions: Opened["positions"] = [];
  let unrecovered = 0;
  let next = 0;
  let again = 0;
  const why = new Map<string, number>();
  const one = async (i: number) => {
    for (let failures = 0; ; failures++) {
      try {
        return await enter(i);
      } catch (error) {
        if (atOnce < connections) throw error;
        // As our own client does.
        again++;
        const { message } = error as Error;
        why.set(message, (why.get(message) ?? 0) + 1);
        const { retryAfterMs } = error as { retryAfterMs?: number };
        await delay(
          retryAfterMs === undefined
            ? Math.random() * Math.min(20_000, 500 * 2 ** failures)
            : retryAfterMs * (1 + Math.random() / 2),
        );
      }
    }
  };
  const enter = async (i: number) => {
    const line = await openLine(ports[i % ports.length]!);
    lines[from + i] = line;
    if (!hellos) return;
    await new Promise<void>((resolve, reject) => {
      let missing = behind;
      line.hear = (text) => {
        const frame = JSON.parse(text);
        if (frame.type === "welcome") {
          if (!frame.recovered) unrecovered++;
          positions[i] = { epoch: frame.epoch, seq: frame.seq };
        } else if (frame.type === "entries") missing -= frame.entries.length;
        else if (frame.type === "bye")
          reject(Object.assign(new Error(frame.reason), { retryAfterMs: frame.retryAfterMs }));
        if (positions[i] && missing <= 0) resolve();
      };
      line.socket.once("close", () => reject(new Error("closed before it was welcomed")));
      line.write(JSON.stringify({ type: "hello", device: `bench-${i}`, ...hellos[i] }));
    });
    line.hear = () => {};
  };
  let done = 0;
  const loop = async () => {
    for (; next < connections; done++) await one(next++);
  };
  await inTime(
    Promise.all(Array.from({ length: atOnce }, loop)),
    () => `${done} are, ${again} came again ${JSON.stringify([...why])}`,
  );
  return { tookMs: performance.now() - startedMs, unrecovered, again, positions };
}

async function converse({ pairs, people, durationMs, perSecond }: Converse): Promise<Conversed> {
  /** When each message was sent, or due, by its number, which is its text. */
  const sinceMs: number[] = [];
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  let awaited = 0;
  let done = () => {};
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const isOver = () => performance.now() - startedMs >= durationMs;
  const send = (from: number, at = performance.now()) => {
    const n = sinceMs.push(at) - 1;
    awaited++;
    lines[from]!.write(
      `{"type":"send","idempotencyKey":"${Math.round(startedMs)}-${n}","conversationId":"${people[from ^ 1]}","text":"${n}"}`,
    );
  };
  for (const [i, line] of lines.slice(0, 2 * pairs).entries())
    line.hear = (text) => {
      const frame = JSON.parse(text);
      if (frame.type === "refused" || frame.type === "bye") throw new Error(text);
      if (frame.type !== "entries") return;
      line.write(`{"type":"ack","seq":"${frame.entries.at(-1).seq}"}`);
      for (const { message } of frame.entries) {
        if (!message || message.senderId === people[i]) continue;
        latenciesMs.push(performance.now() - sinceMs[Number(message.text)]!);
        awaited--;
        if (!perSecond && !isOver()) send(i);
        else if (awaited === 0 && isOver()) done();
      }
    };
  if (perSecond) {
    const tick = setInterval(() => {
      const due = Math.min(
        ((performance.now() - startedMs) * perSecond) / 1000,
        (durationMs * perSecond) / 1000,
      );
      // In turn, so that everybody writes.
      while (sinceMs.length < Math.floor(due))
        send(sinceMs.length % (2 * pairs), startedMs + (sinceMs.length * 1000) / perSecond);
      if (isOver()) clearInterval(tick);
    }, 1);
  } else for (let i = 0; i < pairs; i++) send(2 * i);
  await inTime(finished);
  return measured(latenciesMs, sinceMs.length, startedMs, cpu);
}

async function echo({ connections, durationMs }: Echo): Promise<Conversed> {
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const loops = lines.slice(0, connections).map(
    (line) =>
      new Promise<void>((resolve) => {
        let atMs = 0;
        const send = () => {
          atMs = performance.now();
          // As long as an acknowledged entry.
          line.write(
            `{"type":"send","idempotencyKey":"0123456789","conversationId":"7000000000000000000","text":"1"}`,
          );
        };
        line.hear = () => {
          latenciesMs.push(performance.now() - atMs);
          if (performance.now() - startedMs < durationMs) send();
          else resolve();
        };
        send();
      }),
  );
  await inTime(Promise.all(loops));
  return measured(latenciesMs, latenciesMs.length, startedMs, cpu);
}

function measured(latenciesMs: number[], sent: number, startedMs: number, cpu: NodeJS.CpuUsage): Conversed {
  const tookMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number) => latenciesMs[Math.floor(latenciesMs.length * part)] ?? Number.NaN;
  return {
    sent,
    delivered: latenciesMs.length,
    perSecond: (latenciesMs.length / tookMs) * 1000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    generatorCpu: (user + system) / 1000 / tookMs,
  };
}

function openLine(port: number): Promise<Line> {
  const localAddress = `127.0.0.${2 + Math.floor(opened++ / perAddress)}`;
  const line: Line = {
    socket: connect({ host: "127.0.0.1", port, localAddress, noDelay: true }),
    write,
    hear() {},
  };
  const { socket } = line;
  let rest: Buffer = Buffer.alloc(0);
  let isUpgraded = false;
  function write(text: string) {
    const length = Buffer.byteLength(text);
    const head = length < 126 ? 6 : 8;
    const frame = Buffer.allocUnsafe(head + length);
    frame[0] = 0x81;
    if (length < 126) frame[1] = 0x80 | length;
    else {
      frame[1] = 0x80 | 126;
      frame.writeUInt16BE(length, 2);
    }
    // A mask of zeros changes nothing.
    frame.fill(0, head - 4, head);
    frame.write(text, head);
    socket.write(frame);
  }
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server closed a connection")));
    socket.on("data", (piece: Buffer) => {
      rest = rest.length > 0 ? Buffer.concat([rest, piece]) : piece;
      if (!isUpgraded) {
        const end = rest.indexOf("\r\n\r\n");
        if (end < 0) return;
        if (!rest.toString("latin1", 0, end).startsWith("HTTP/1.1 101"))
          return socket.destroy(new Error(rest.toString("latin1", 0, 500)));
        isUpgraded = true;
        rest = rest.subarray(end + 4);
        resolve(line);
      }
      for (;;) {
        const short = rest.length >= 2 ? rest[1]! & 0x7f : 0;
        const head = short === 126 ? 4 : 2;
        if (rest.length < head || short === 127) return;
        const length = short === 126 ? rest.readUInt16BE(2) : short;
        if (rest.length < head + length) return;
        const isText = (rest[0]! & 0x0f) === 1;
        const text = rest.toString("utf8", head, head + length);
        rest = rest.subarray(head + length);
        if (isText) line.hear(text);
      }
    });
    socket.write(
      `GET /api/v1/realtime HTTP/1.1\r\nHost: bench.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n` +
        `Sec-WebSocket-Protocol: douya.1\r\n\r\n`,
    );
  });
}

async function inTime<T>(it: Promise<T>, state = () => ""): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${answerMs} ms ${state()}`)), answerMs);
  });
  return await Promise.race([it, late]).finally(() => clearTimeout(timer));
}
