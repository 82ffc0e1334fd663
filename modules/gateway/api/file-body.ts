import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import { addressKey } from "#platform/http/client-address.ts";
import type { Sender } from "../media/upload-intake.ts";

/** A body that is a file is not parsed: the route gets the stream. */
export function acceptFiles(app: FastifyInstance): void {
  for (const type of ["application/octet-stream", /^(video|image)\//]) {
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
  }
}

/** The body of a request as a file, and its sender, as the intake takes them. */
export function fileOf(request: FastifyRequest): [Readable, Sender] {
  if (request.body === undefined || request.body === null) {
    throw refusal("EMPTY_FILE", "Send the file as the body of the request.");
  }
  if (request.body !== request.raw)
    throw refusal("UNSUPPORTED_MEDIA_TYPE", "Send the file as it is, as application/octet-stream.");
  return [request.raw, senderOf(request)];
}

/** Who sends a file, and its size if that is announced. */
export function senderOf(request: FastifyRequest): Sender {
  const length = request.headers["content-length"];
  return {
    person: request.identity?.userId,
    address: addressKey(request.ip),
    sizeBytes: length === undefined ? undefined : Number(length),
  };
}
