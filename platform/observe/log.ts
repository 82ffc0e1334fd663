import { type Logger, pino } from "pino";

export type { Logger };

/** Structured logs on standard error, a JSON object a line; standard output belongs to the command's answer. */
export function createLog(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: false }));
}
