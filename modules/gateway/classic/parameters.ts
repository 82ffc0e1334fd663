import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";

/** The parameters of a classic request, from query string, form or both. */
export interface Parameters {
  /** Error: INVALID_ARGUMENT if it is malformed; parameters that are not read are not checked. */
  get(name: string): string | undefined;
  add(name: string, value: unknown): void;
}

const maxLength = 4000;

/** Merges query and form. */
export function mergeParameters(...sources: unknown[]): Parameters {
  const values = new Map<string, string>();
  const broken = new Map<string, string>();
  const whatIsWrong = (name: string, value: unknown) => {
    if (Array.isArray(value)) return "is given twice";
    if (typeof value !== "string") return "must be text";
    if (value.length > maxLength) return "is too long";
    if ((values.get(name) ?? value) !== value) return "is given twice with different values";
  };
  const parameters: Parameters = {
    get(name) {
      const why = broken.get(name);
      if (why !== undefined) throw invalid(name, why);
      return values.get(name);
    },
    add(name, value) {
      const why = whatIsWrong(name, value);
      if (why !== undefined) broken.set(name, why);
      else values.set(name, value as string);
    },
  };
  for (const source of sources)
    if (typeof source === "object" && source !== null)
      for (const [name, value] of Object.entries(source)) parameters.add(name, value);
  return parameters;
}

export function text(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw invalid(name, "is missing");
  return value;
}

/** An id; undefined if absent or empty. */
export function optionalId(parameters: Parameters, name: string): string | undefined {
  const value = parameters.get(name);
  if (value === undefined || value === "" || value === "0") return undefined;
  if (!isId(value)) throw invalid(name, "is not an id");
  return value;
}

export function requiredId(parameters: Parameters, name: string): string {
  text(parameters, name);
  const id = optionalId(parameters, name);
  if (id === undefined) throw invalid(name, "is not an id");
  return id;
}

/** The meaning of one of the values that a parameter may have. */
export function oneOf<M extends object>(parameters: Parameters, name: string, meanings: M): M[keyof M] {
  const value = text(parameters, name);
  if (!Object.hasOwn(meanings, value))
    throw invalid(name, `must be one of ${Object.keys(meanings).join(", ")}`);
  return meanings[value as keyof M];
}

/** A time in Unix milliseconds; a value below 10^11 is in seconds. 0 or absent: undefined, which means now. */
export function optionalTime(parameters: Parameters, name: string): number | undefined {
  const value = parameters.get(name);
  if (value === undefined || value === "") return undefined;
  if (!/^\d{1,19}$/.test(value)) throw invalid(name, "is not a time");
  const number = Number(value);
  if (number === 0) return undefined;
  const ms = number < 1e11 ? number * 1000 : number;
  // Beyond the range of dates it still means "now": every video is older.
  return Math.min(ms, 8.64e15);
}

function invalid(name: string, why: string): DomainError {
  return refusal("INVALID_ARGUMENT", `${name} ${why}.`);
}
