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

/** A refusal by the server, or a network error (`status` 0, reason `NETWORK`). `message` is English. */
export class Problem extends Error {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  readonly fields: readonly FieldError[];

  constructor(status: number, body: ProblemBody = {}) {
    super(body.detail ?? `The server answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.reason = body.reason ?? (status === 0 ? "NETWORK" : `HTTP_${status}`);
    this.retryAfterMs = body.retryAfterMs;
    this.fields = body.errors ?? [];
  }
}

/** Reads a problem+json body; it may also be a proxy's HTML or empty. A proxy says in a header when to retry. */
export function problemFrom(status: number, body: unknown, retryAfter: string | null): Problem {
  const seconds = Number(retryAfter ?? Number.NaN);
  return new Problem(status, { ...(seconds > 0 && { retryAfterMs: seconds * 1000 }), ...fieldsOf(body) });
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
