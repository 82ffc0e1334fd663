import { availableParallelism } from "node:os";

/** OWASP's setting for Argon2id, the library's default algorithm: 19 MiB, 2 passes, 1 lane. */
export const argon2id = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Hashing leaves one core to everything else, so that a storm of logins does not slow viewers. */
export const hashingThreads = Math.max(1, availableParallelism() - 1);
