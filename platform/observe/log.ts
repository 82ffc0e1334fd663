import { type Logger, type LoggerOptions, pino } from "pino";
import { isDiskFull } from "../errors/disk-full.ts";

export type { Logger };

type Listener = (error: unknown) => void;
const diskFullListeners = new WeakMap<Logger, Listener[]>();
const lastingChildren = new WeakMap<Logger, Logger[]>();

/** Details that PostgreSQL adds to an error; they contain values of rows and parameters. */
const valuesOfRows = ["detail", "where", "internalQuery", "parameters"];

/** What is logged of requests and errors: no query string, which contains passwords and tokens in the classic API. */
const serializers = {
  req: (request: { method?: string; url?: string; ip?: string }) => ({
    method: request.method,
    url: withoutQuery(request.url ?? ""),
    remoteAddress: request.ip,
  }),
  err(error: Error) {
    const { raw: _raw, ...shown } = pino.stdSerializers.err(error) as Record<string, unknown> & {
      raw?: unknown;
    };
    for (const name of valuesOfRows) delete shown[name];
    for (const [name, value] of Object.entries(shown))
      if (typeof value === "string") shown[name] = withoutQueries(value);
    return shown;
  },
};

/**
 * Structured logs on standard error, one JSON object a line; standard output belongs to the command. A full disk is
 * not logged for each failed write, but by the code that registered with `onDiskFull`.
 */
export function createLog(
  level: string,
  output: { write(line: string): void } = pino.destination({ dest: 2, sync: false }),
): Logger {
  const listeners: Listener[] = [];
  const hooks: LoggerOptions["hooks"] = {
    // The framework's own messages contain the requested URL.
    logMethod(args, method) {
      const error = (args[0] as { err?: unknown } | undefined)?.err;
      if (listeners.length > 0 && error && isDiskFull(error)) {
        for (const tell of listeners) tell(error);
        return;
      }
      const shown = args.map((arg) => {
        if (typeof arg === "string") return withoutQueries(arg);
        return args.length === 1 ? hideMessage(arg) : arg;
      });
      method.apply(this, shown as typeof args);
    },
  };
  const log = pino({ level, base: { pid: process.pid }, serializers, hooks }, output);
  diskFullListeners.set(log, listeners);
  return log;
}

/** A logger of a part of the process that lasts: its level changes with that of `log`. */
export function lastingChild(log: Logger, bindings: Record<string, string>): Logger {
  const child = log.child(bindings);
  lastingChildren.set(log, [...(lastingChildren.get(log) ?? []), child]);
  return child;
}

/** Logs from this level on, in the lasting children too. */
export function setLevel(log: Logger, level: string): void {
  log.level = level;
  for (const child of lastingChildren.get(log) ?? []) setLevel(child, level);
}

/** Calls `tell` for every error that means a full disk, instead of logging it. */
export function onDiskFull(log: Logger, tell: Listener): void {
  diskFullListeners.get(log)?.push(tell);
}

/** A line without a message takes that of its error. */
function hideMessage(arg: unknown): unknown {
  if (arg instanceof Error) return { err: arg, msg: withoutQueries(arg.message) };
  const { err, msg } = (arg ?? {}) as { err?: unknown; msg?: unknown };
  if (!(err instanceof Error) || msg !== undefined) return arg;
  return { ...(arg as object), msg: withoutQueries(err.message) };
}

function withoutQuery(url: string): string {
  const [path] = url.split("?", 1);
  return path === url ? url : `${path}?…`;
}

/** Removes the query from every word that looks like a URL or a path. */
function withoutQueries(text: string): string {
  if (!text.includes("?")) return text;
  return text
    .split("\n")
    .map((line) =>
      line
        .split(" ")
        .map((word) => (word.includes("/") && word.includes("=") ? withoutQuery(word) : word))
        .join(" "),
    )
    .join("\n");
}
