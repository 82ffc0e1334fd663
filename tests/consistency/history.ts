import type { Answer } from "../harness/http-client.ts";

/** What one client did to one key, as the client saw it. Times are milliseconds of one monotonic clock. */
export interface Operation<Value> {
  kind: "read" | "write";
  value: Value;
  calledMs: number;
  /** Infinity when no answer came: a write may then take effect at any time after its call, or never. */
  answeredMs: number;
}

/** What became of all requests of a run. */
export class Traffic {
  requests = 0;
  /** When requests ended that had no answer, or one that blames the server: milliseconds of the same clock. */
  readonly failuresMs: number[] = [];

  async send<T>(send: () => Promise<Answer<T>>): Promise<Answer<T> | undefined> {
    this.requests++;
    const answer = await send().catch(() => undefined);
    if (answer !== undefined && answer.status < 500) return answer;
    this.failuresMs.push(performance.now());
    return undefined;
  }
}

/**
 * The histories of many keys. An answer below 300 is a fact. A refusal in the 400s had no effect, and neither has a read
 * without an answer: both are left out.
 */
export class History<Value> {
  readonly byKey = new Map<string, Operation<Value>[]>();
  acknowledged = 0;
  unknown = 0;
  private readonly traffic: Traffic;

  constructor(traffic: Traffic) {
    this.traffic = traffic;
  }

  /** Sends a write; returns its answer, undefined when none came. */
  async write<T>(key: string, value: Value, send: () => Promise<Answer<T>>): Promise<Answer<T> | undefined> {
    const calledMs = performance.now();
    const answer = await this.traffic.send(send);
    if (answer && answer.status >= 300) return answer;
    if (answer) this.acknowledged++;
    else this.unknown++;
    const answeredMs = answer ? performance.now() : Number.POSITIVE_INFINITY;
    this.add(key, { kind: "write", value, calledMs, answeredMs });
    return answer;
  }

  /** Sends a read; `see` says which value each key had in the answer. */
  async read<T>(
    send: () => Promise<Answer<T>>,
    see: (body: T) => Iterable<readonly [key: string, value: Value]>,
  ): Promise<void> {
    const calledMs = performance.now();
    const answer = await this.traffic.send(send);
    // A page without a part says so, and shows zeros and nothings in its place.
    if (answer === undefined || answer.status >= 300 || answer.headers.has("douya-missing")) return;
    const answeredMs = performance.now();
    this.acknowledged++;
    for (const [key, value] of see(answer.body)) this.add(key, { kind: "read", value, calledMs, answeredMs });
  }

  /** Whether any write was acknowledged: else there is nothing to check. */
  isWritten(): boolean {
    const all = [...this.byKey.values()].flat();
    return all.some(({ kind, answeredMs }) => kind === "write" && answeredMs < Number.POSITIVE_INFINITY);
  }

  private add(key: string, operation: Operation<Value>): void {
    const operations = this.byKey.get(key);
    if (operations) operations.push(operation);
    else this.byKey.set(key, [operation]);
  }
}
