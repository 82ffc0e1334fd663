import { parse } from "node:querystring";
import type { FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";

const maxBytes = 64 * 1024;

/** The form fields of a GET, whose body the framework does not read. Error: BODY_TOO_LARGE. */
export async function formOfGet(request: FastifyRequest): Promise<unknown> {
  const type = request.headers["content-type"] ?? "";
  if (request.method !== "GET" || !type.startsWith("application/x-www-form-urlencoded")) return undefined;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // Left open after a refusal, so that the answer reaches a client that is still sending.
  for await (const chunk of request.raw.iterator({ destroyOnReturn: false })) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw refusal("BODY_TOO_LARGE", "The request is too large.");
    chunks.push(chunk);
  }
  return parse(Buffer.concat(chunks).toString());
}
