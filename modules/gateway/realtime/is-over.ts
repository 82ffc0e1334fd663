import { DomainError } from "#platform/errors/domain-error.ts";

/** Whether a session has ended, or its token: a service that is away ends nobody's session. */
export const isOver = (error: unknown) => error instanceof DomainError && error.kind === "unauthenticated";
