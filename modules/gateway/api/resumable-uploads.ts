import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import type { AppendOptions } from "#platform/blob/blob-store.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { senderOf } from "./file-body.ts";
import { answers, IdParams, NoContent } from "./schemas.ts";

const version = "1.0.0";
const pieceType = "application/offset+octet-stream";
/** Of checksums, which Node.js calls by the same names: the bytes of each digest. */
const digestBytes = new Map([
  ["sha1", 20],
  ["sha256", 32],
  ["md5", 16],
]);
const maxMetadata = 4096;
/** Of extensions that are not here. Without a word a client would take its pieces for files, or its file for one without a size. */
const otherExtensions = ["upload-defer-length", "upload-concat"];

/** Resumable uploads by tus 1.0.0 (https://tus.io/protocols/resumable-upload): creation, termination, checksum, expiration. */
export function resumableUploadRoutes({
  resumable,
  maxUploadBytes,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.addContentTypeParser(pieceType, (_request, payload, done) => done(null, payload));
    app.addHook("onRequest", async (request, reply) => {
      reply.headers({ "tus-resumable": version, "cache-control": "no-store" });
      if (request.method === "OPTIONS" || request.headers["tus-resumable"] === version) return;
      reply.header("tus-version", version);
      throw refusal("TUS_VERSION_UNSUPPORTED");
    });
    const tags = ["videos"];

    app.options(
      "/uploads/tus",
      {
        schema: {
          tags,
          summary: "What this server can do of tus",
          response: answers({ 204: NoContent }),
        },
      },
      async (_request, reply) =>
        reply
          .code(204)
          .headers({
            "tus-version": version,
            "tus-extension": "creation,creation-with-upload,termination,checksum,expiration",
            "tus-max-size": maxUploadBytes,
            "tus-checksum-algorithm": [...digestBytes.keys()].join(","),
          })
          .send(),
    );
    app.post(
      "/uploads/tus",
      {
        config: { takesFile: true },
        schema: {
          tags,
          summary: "Begin an upload that can be resumed (tus 1.0)",
          description:
            "`Upload-Length` is the size of the file, the last segment of `Location` the `uploadId` with which a whole " +
            "upload is published. What is not whole two days after its last byte is thrown away.",
          response: answers({ 201: NoContent }),
        },
      },
      async (request, reply) => {
        for (const header of otherExtensions)
          if (request.headers[header] !== undefined)
            throw refusal("TUS_HEADER_INVALID", { header, problem: "is not supported here (Tus-Extension)" });
        const sizeBytes = lengthIn(request, "upload-length");
        if (sizeBytes === undefined)
          throw refusal("TUS_HEADER_INVALID", { header: "Upload-Length", problem: "is missing" });
        if (sizeBytes === 0) throw refusal("EMPTY_FILE", "The file is empty. Choose another one.");
        checkMetadata(request);
        const hasPiece = request.headers["content-type"] === pieceType && carriesBody(request);
        const piece = hasPiece ? pieceOf(request) : undefined;
        const from = { ...senderOf(request), sizeBytes };
        const begun = await resumable.begin(from, callOf(request));
        reply.code(201).header("location", `${request.routeOptions.url}/${begun.id}`);
        if (!piece) return tell(reply, begun);
        const progress = await resumable.append(begun.id, { ...piece, at: 0 }, senderOf(request), () =>
          callOf(request),
        );
        return tell(reply, progress);
      },
    );
    app.head(
      "/uploads/tus/:id",
      {
        schema: {
          tags,
          summary: "How far an upload is",
          params: IdParams,
          response: answers({ 200: NoContent }),
        },
      },
      async (request, reply) =>
        tell(reply.code(200), await resumable.progress(request.params.id, callOf(request))),
    );
    const append = async (request: FastifyRequest<OfUpload>, reply: FastifyReply) => {
      if (request.headers["content-type"] !== pieceType) throw refusal("PIECE_TYPE_WRONG");
      const at = lengthIn(request, "upload-offset");
      if (at === undefined)
        throw refusal("TUS_HEADER_INVALID", { header: "Upload-Offset", problem: "is missing" });
      const piece = { ...pieceOf(request), at };
      const progress = await resumable.append(request.params.id, piece, senderOf(request), () =>
        callOf(request),
      );
      return tell(reply.code(204), progress);
    };
    const cancel = async (request: FastifyRequest<OfUpload>, reply: FastifyReply) => {
      await resumable.cancel(request.params.id, callOf(request));
      return reply.code(204).send();
    };
    app.patch(
      "/uploads/tus/:id",
      {
        config: { takesFile: true },
        schema: {
          tags,
          summary: "Send more of an upload, from `Upload-Offset` on",
          description:
            "The answer to the last piece comes after a full probe. It goes on when that takes too long (504): ask for the offset " +
            "until the answer is 200; 423 `UPLOAD_LOCKED` says that it is looked at still.",
          consumes: [pieceType],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      append,
    );
    app.delete(
      "/uploads/tus/:id",
      {
        schema: {
          tags,
          summary: "Throw an upload away",
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      cancel,
    );
    app.post(
      "/uploads/tus/:id",
      {
        config: { takesFile: true },
        schema: {
          tags,
          summary: "PATCH or DELETE, as `X-HTTP-Method-Override` says",
          description: "For what can send, or lets through, neither.",
          consumes: [pieceType],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const meant = request.headers["x-http-method-override"];
        if (meant === "PATCH") return append(request, reply);
        if (meant === "DELETE") return cancel(request, reply);
        throw refusal("TUS_HEADER_INVALID", {
          header: "X-HTTP-Method-Override",
          problem: "is PATCH or DELETE",
        });
      },
    );
  };
}

interface OfUpload {
  Params: { id: string };
}

function tell(
  reply: FastifyReply,
  { offset, sizeBytes, expiresAtMs }: { offset: number; sizeBytes: number; expiresAtMs: number },
): FastifyReply {
  return reply
    .headers({
      "upload-offset": offset,
      "upload-length": sizeBytes,
      "upload-expires": new Date(expiresAtMs).toUTCString(),
    })
    .send();
}

function carriesBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"]) > 0;
}

function pieceOf(request: FastifyRequest) {
  return { source: request.raw, checksum: checksumIn(request) };
}

/** A header with a number of bytes; undefined without it. Error: TUS_HEADER_INVALID. */
function lengthIn({ headers }: FastifyRequest, name: "upload-length" | "upload-offset"): number | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  if (typeof text === "string" && /^\d{1,15}$/.test(text)) return Number(text);
  throw refusal("TUS_HEADER_INVALID", { header: name, problem: "is a number of bytes" });
}

/** Error: TUS_HEADER_INVALID. */
function checksumIn({ headers }: FastifyRequest): AppendOptions["checksum"] {
  const text = headers["upload-checksum"];
  if (text === undefined) return undefined;
  const [algorithm = "", value = "", ...rest] = String(text).split(" ");
  const digest = Buffer.from(value, "base64");
  if (rest.length > 0 || digest.length !== digestBytes.get(algorithm))
    throw refusal("TUS_HEADER_INVALID", {
      header: "Upload-Checksum",
      problem: "is an algorithm (sha1, sha256 or md5), a space and the digest in base64",
    });
  return { algorithm, digest };
}

/** What it says is not used: names of files are nobody's business. Error: TUS_HEADER_INVALID. */
function checkMetadata({ headers }: FastifyRequest): void {
  const text = headers["upload-metadata"];
  if (text !== undefined && String(text).length > maxMetadata)
    throw refusal("TUS_HEADER_INVALID", {
      header: "Upload-Metadata",
      problem: `has ${maxMetadata} characters at most`,
    });
}
