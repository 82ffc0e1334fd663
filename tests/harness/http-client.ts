import { expect } from "vitest";
import type { components } from "#apps/web/src/api.gen.ts";

/** The public shapes, as the OpenAPI document has them. */
export type Schemas = components["schemas"];
export type Page<T> = { items: T[]; nextCursor: string | null };
export type Problem = Schemas["Problem"];

export interface Answer<T> {
  status: number;
  headers: Headers;
  /** The parsed body; the text itself if it is not JSON. */
  body: T;
  text: string;
}

export interface SendOptions {
  token?: string | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, as application/octet-stream unless `headers` say otherwise. */
  bytes?: Uint8Array<ArrayBuffer> | FormData | URLSearchParams | string;
  headers?: Record<string, string>;
}

/** One request; returns the answer, whatever its status. */
export async function send<T>(
  method: string,
  url: string,
  { token, json, bytes, headers = {} }: SendOptions = {},
): Promise<Answer<T>> {
  const typed = bytes instanceof FormData || bytes instanceof URLSearchParams;
  const contentType = json !== undefined ? "application/json" : "application/octet-stream";
  const body = json !== undefined ? JSON.stringify(json) : bytes;
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && !typed && { "content-type": contentType }),
      ...headers,
    },
    ...(body !== undefined && { body }),
    redirect: "manual",
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: parse(text) as T, text };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The answer's body, if the status is the expected one. */
export function body<T>(answer: Answer<T>, status = 200): T {
  expect(answer.status, answer.text).toBe(status);
  return answer.body;
}

/** Checks that a refusal of /api/v1 has everything that clients rely on. */
export function expectProblem(answer: Answer<unknown>, status: number, reason: string): Problem {
  expect({ status: answer.status, reason: (answer.body as Problem)?.reason }, answer.text).toEqual({
    status,
    reason,
  });
  const problem = answer.body as Problem;
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  expect(problem.status).toBe(status);
  expect(problem.type).toBe(`urn:douya:${reason}`);
  expect(problem.title).not.toBe("");
  expect(problem.detail).toMatch(/[.!]$/);
  expect(problem.traceId).toMatch(/^[0-9a-f]{32}$/);
  if (problem.retryAfterMs !== undefined)
    expect(Number(answer.headers.get("retry-after"))).toBe(Math.ceil(problem.retryAfterMs / 1000));
  return problem;
}
