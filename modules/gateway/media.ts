import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type BlobStore, isBlobKey } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { defaultAvatar, defaultBackground } from "./default-picture.ts";

/** Only what was made to be shown is served; a source that is not playable has another ending. */
const contentTypes: Record<string, string> = { mp4: "video/mp4", jpg: "image/jpeg" };
const forEver = "public, max-age=31536000, immutable";

/** Blobs by name, and the pictures of those who have none. */
export async function mediaRoutes(app: FastifyInstance, blobs: BlobStore): Promise<void> {
  app.get<{ Params: { kind: string; file: string } }>(
    "/media/default/:kind/:file",
    async (request, reply) => {
      const id = request.params.file.replace(/\.png$/, "");
      const draw = { avatar: defaultAvatar, background: defaultBackground }[request.params.kind];
      if (!draw || !isId(id)) throw notFound();
      return reply.header("cache-control", forEver).type("image/png").send(draw(id));
    },
  );
  app.get<{ Params: { namespace: string; file: string } }>(
    "/media/:namespace/:file",
    async (request, reply) => {
      const key = `${request.params.namespace}/${request.params.file}`;
      const type = contentTypes[key.slice(key.lastIndexOf(".") + 1)];
      if (!isBlobKey(key) || !type) throw notFound();
      return sendBlob(blobs, key, type, request, reply);
    },
  );
}

async function sendBlob(
  blobs: BlobStore,
  key: string,
  type: string,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const sizeBytes = await blobs.size(key);
  if (sizeBytes === undefined) throw notFound();
  const etag = `"${key.slice(key.indexOf("/") + 1, key.lastIndexOf("."))}"`;
  reply.headers({
    etag,
    "cache-control": forEver,
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
  });
  if (matches(request.headers["if-none-match"], etag)) return reply.code(304).send();
  reply.type(type);
  const ifRange = request.headers["if-range"];
  const range =
    ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, sizeBytes) : undefined;
  if (range === "unsatisfiable") {
    return reply.code(416).header("content-range", `bytes */${sizeBytes}`).send();
  }
  const length = range ? range.end - range.start + 1 : sizeBytes;
  reply.header("content-length", length);
  if (range) reply.code(206).header("content-range", `bytes ${range.start}-${range.end}/${sizeBytes}`);
  if (request.method === "HEAD") return reply.send();
  return reply.send(blobs.read(key, range));
}

/** One byte range (RFC 9110, section 14); several at once and other units are answered with the whole. */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const [, from, to] = match;
  const start = from === "" ? Math.max(0, sizeBytes - Number(to)) : Number(from);
  const end = from === "" || to === "" ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined;
  return start >= sizeBytes || end < start ? "unsatisfiable" : { start, end };
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return (ifNoneMatch ?? "").split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === etag);
}

function notFound(): DomainError {
  return new DomainError("not-found", "NOT_FOUND", "There is nothing here.");
}
