import { createHash } from "node:crypto";
import { type Signer, signerOf } from "../../seal/signer.ts";

/** What the processes of one installation share on NATS, because they have one secret. */
export interface NatsScope {
  /** Keeps several installations on one NATS apart; it is part of the names of streams. */
  readonly name: string;
  /** Of messages, so that only who has the secret can make up events. */
  readonly signer: Signer;
  /** Whether messages without a signature are believed, as those of versions before there was one. */
  readonly unsigned: boolean;
}

export function natsScope(secret: string, { unsigned = false } = {}): NatsScope {
  return {
    name: createHash("sha256").update(`nats ${secret}`).digest("hex").slice(0, 12),
    signer: signerOf(secret, "events"),
    unsigned,
  };
}
