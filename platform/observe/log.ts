import { type Logger, type LoggerOptions, pino } from "pino";
import { isDiskFull } from "../errors/disk-full.ts";

export type { Logger };

type Listener = (error: unknown) => void;
const diskFullListeners = new WeakMap<Logger, Listener[]>();

/** What PostgreSQL adds to an error, which holds values of rows and parameters. */
const valuesOfRows = ["detail", "where", "internalQuery", "parameters"];

/** What is written of requests and errors: no query string, for the classic API has passwords and tokens in it. */
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
 * Structured logs on standard error, a JSON object a line; standard output belongs to the command's answer. That the
 * disk is full is not said for every write that fails, but by those who asked to be told with `onDiskFull`.
 */
export function createLog(
  level: string,
  output: { write(line: string): void } = pino.destination({ dest: 2, sync: false }),
): Logger {
  const listeners: Listener[] = [];
  const hooks: LoggerOptions["hooks"] = {
    // The framework's own messages name what was asked for.
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

/** Has `tell` hear, instead of the log, of every error that means a full disk. */
export function onDiskFull(log: Logger, tell: Listener): void {
  diskFullListeners.get(log)?.push(tell);
}

/** An error without a text of its own beside it lends the line its message. */
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

/** Of every word of a text that looks like a URL or a path with a query. */
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
