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

/** A refusal of the server, or of the network (`status` 0, reason `NETWORK`). `message` is English. */
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

/** Reads a problem+json body that may as well be a proxy's HTML or nothing; a proxy says in a header when to come back. */
export function problemFrom(status: number, body: unknown, retryAfter: string | null): Problem {
  const seconds = Number(retryAfter ?? Number.NaN);
  return new Problem(status, { ...(seconds > 0 && { retryAfterMs: seconds * 1000 }), ...fieldsOf(body) });
}

/** What an answer that is none of the good ones says. */
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

/** Any thrown value as a Problem; what is not one came from the network or a timeout. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, { detail: String(error) });
}
