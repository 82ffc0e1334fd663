export interface FieldError {
  path: string;
  message: string;
}

interface ProblemBody {
  reason?: string;
  detail?: string;
  retryAfterMs?: number;
  errors?: FieldError[];
}

/** No clock of a browser counts further: `setTimeout` would not wait at all. */
const MAX_WAIT_MS = 24 * 3_600_000;

/** A refusal by the server, or a network error (`status` 0, reason `NETWORK`). `message` is English. */
export class Problem extends Error {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  /** When that will be, by the clock of this device. */
  readonly retryAtMs: number;
  readonly fields: readonly FieldError[];
  /** Between 0 and 1: spreads over time what many do again after the same failure. */
  readonly spread = Math.random();
  private readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody = {}) {
    super(body.detail ?? `The server answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.reason = body.reason ?? (status === 0 ? "NETWORK" : `HTTP_${status}`);
    this.retryAfterMs = body.retryAfterMs && Math.min(body.retryAfterMs, MAX_WAIT_MS);
    this.retryAtMs = Date.now() + (this.retryAfterMs ?? 0);
    this.fields = body.errors ?? [];
    this.body = body;
  }

  /** The same refusal with something changed. */
  with(change: Pick<ProblemBody, "retryAfterMs">): Problem {
    return new Problem(this.status, { ...this.body, ...change });
  }
}

/** Whether it is there no more, or not for this person; other failures say nothing of that. */
export const isGone = (error: unknown): boolean => asProblem(error).status === 404;

/**
 * Reads a problem+json body; it may also be a proxy's HTML or empty. A proxy says in a header when to retry; where both
 * say it, the later counts.
 */
export function problemFrom(status: number, body: unknown, retryAfter: string | null): Problem {
  const fields = fieldsOf(body);
  const retryAfterMs = Math.max(waitFrom(retryAfter) || 0, fields.retryAfterMs ?? 0);
  return new Problem(status, { ...fields, ...(retryAfterMs > 0 && { retryAfterMs }) });
}

/** Retry-After: seconds or a date. */
function waitFrom(retryAfter: string | null): number {
  if (!retryAfter) return 0;
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
}

/** The problem in an unsuccessful answer. */
export async function problemOf(response: Response): Promise<Problem> {
  return problemFrom(response.status, await response.text(), response.headers.get("retry-after"));
}

function fieldsOf(body: unknown): ProblemBody {
  if (typeof body !== "string") return typeof body === "object" && body !== null ? body : {};
  try {
    return fieldsOf(JSON.parse(body) as object);
  } catch {
    return {};
  }
}

/** Any thrown value as a Problem; anything else came from the network or a timeout. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, { detail: String(error) });
}
