import { EventEmitter } from "node:events";
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../observe/log.ts";
import type { RateLimitOptions } from "../protect/rate-limit.ts";

/** What may change while processes run. */
interface LiveValues {
  /** trace, debug, info, warn, error or silent. */
  logLevel: string;
  /** Traffic colours that a request may ask for, and who may. */
  colours: ReadonlyMap<string, "moderators" | "everybody">;
  /** Rates of limits, by the limit's name, where they are others than it has by itself. */
  limitRates: ReadonlyMap<string, RateLimitOptions>;
  /** What is switched off, by name. */
  switchedOff: ReadonlySet<string>;
}

type Field = keyof LiveValues;

/** A setting as it is declared, once, in the configuration. */
export interface LiveSetting<T> {
  /** What operators call it: DOUYA_LOG_LEVEL. */
  name: string;
  /** What the process was started with. */
  started: T;
  /** Error: what the text must be instead. */
  parse(text: string): T;
}

export type LiveDeclarations = { [One in Field]: LiveSetting<LiveValues[One]> };

/** The settings that may change, as they are now: what a process was started with, or what was set since for all. */
export interface LiveSettings {
  current<One extends Field>(field: One): LiveValues[One];
  /** Calls `changed` with each new value, until the function that it returns is called. */
  watch<One extends Field>(field: One, changed: (value: LiveValues[One]) => void): () => void;
}

/** Settings whose source tells what is set in it. */
export interface ChangingSettings extends LiveSettings {
  /** What the source has now, by name. A value that is not valid is not used: the last good one stays. */
  update(texts: ReadonlyMap<string, string>): void;
  /** By name: what is wrong with a value that is not used. */
  problems(): Record<string, string>;
}

export function changingSettings(
  declared: LiveDeclarations,
  { log }: { log: Pick<Logger, "info" | "warn"> },
): ChangingSettings {
  const fields = Object.keys(declared) as Field[];
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const started = fields.map((field) => [field, declared[field].started]);
  const values = Object.fromEntries(started) as LiveValues;
  const problems = new Map<string, string>();

  function updateOne<One extends Field>(field: One, setting: LiveSetting<LiveValues[One]>, text?: string) {
    const { name, parse } = setting;
    let value = setting.started;
    try {
      if (text !== undefined) value = parse(text);
      problems.delete(name);
    } catch (error) {
      const problem = (error as Error).message;
      if (problems.get(name) !== problem) log.warn({ setting: name, problem }, "a setting is not used");
      problems.set(name, problem);
      return;
    }
    if (isDeepStrictEqual(values[field], value)) return;
    values[field] = value;
    changes.emit(field, value);
    log.info({ setting: name }, "a setting has changed");
  }

  return {
    update(texts) {
      // Others are those of another version.
      for (const field of fields) updateOne(field, declared[field] as never, texts.get(declared[field].name));
    },
    problems: () => Object.fromEntries(problems),
    current: (field) => values[field],
    watch(field, changed) {
      // A listener of its own, so that each stops for itself.
      const listener = (value: LiveValues[typeof field]) => changed(value);
      changes.on(field, listener);
      return () => void changes.off(field, listener);
    },
  };
}
