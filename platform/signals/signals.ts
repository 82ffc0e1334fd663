import { EventEmitter } from "node:events";

/**
 * What processes tell each other at once, with nothing stored. A signal may be lost, and whoever can write to the shared
 * memory can send one: so it only ever says that something is worth looking at now, and something else says so later.
 */
export interface Signals {
  /** To every other process; one may hear its own as well. Never fails. */
  tell(channel: string, message: string): Promise<void>;
  listen(channel: string, hear: (message: string) => void): void;
  /** Whether processes can hear each other now. */
  isShared(): boolean;
}

/** Where processes share no memory: within this one. */
export function localSignals(): Signals {
  const heard = new EventEmitter().setMaxListeners(0);
  return {
    async tell(channel, message) {
      heard.emit(channel, message);
    },
    listen: (channel, hear) => void heard.on(channel, hear),
    isShared: () => false,
  };
}
