import { type PrivateNats, startPrivateNats } from "./nats-server.ts";
import { withEngine } from "./with-engine.ts";

export type { PrivateNats };

/**
 * Starts a nats-server before the tests of this file or `describe`, or a cluster of several; skips them where there is
 * none. `config` is added to that of each.
 */
export function withNats({ nodes = 1, config = "" } = {}): () => PrivateNats {
  return withEngine("nats-server", ["nats-server"], () => startPrivateNats(nodes, config));
}
