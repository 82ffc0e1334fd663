import { DomainError } from "../errors/domain-error.ts";

/** Lets those who ask for the same at the same time share one load. */
export interface SingleFlight<Value> {
  /** `isCurrent` is false once the key was forgotten: what was loaded before that is for those who asked before it. */
  run(key: string, load: (isCurrent: () => boolean) => Promise<Value>): Promise<Value>;
  /** Who asks from now on does not get what is being loaded. */
  forget(key: string): void;
}

export function singleFlight<Value>(): SingleFlight<Value> {
  const flights = new Map<string, Promise<Value>>();
  return {
    async run(key, load) {
      for (;;) {
        const other = flights.get(key);
        if (!other) break;
        try {
          return await other;
        } catch (error) {
          // That the other one had no time left says nothing about the answer.
          if (!(error instanceof DomainError) || error.kind !== "deadline") throw error;
        }
      }
      const mine: Promise<Value> = Promise.resolve().then(() => load(() => flights.get(key) === mine));
      flights.set(key, mine);
      try {
        return await mine;
      } finally {
        if (flights.get(key) === mine) flights.delete(key);
      }
    },
    forget: (key) => void flights.delete(key),
  };
}
