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

/** Reads a problem+json body that may as well be a proxy's HTML or nothing. */
export function problemFrom(status: number, body: unknown): Problem {
  if (typeof body === "string") {
    try {
      return problemFrom(status, JSON.parse(body) as unknown);
    } catch {
      return new Problem(status);
    }
  }
  return new Problem(status, typeof body === "object" && body !== null ? (body as ProblemBody) : {});
}

/** Any thrown value as a Problem; what is not one came from the network or a timeout. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, { detail: String(error) });
}
