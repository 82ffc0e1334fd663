import { once } from "node:events";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { VideoState } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobKey, type BlobStore, isBlobKey } from "#platform/blob/blob-store.ts";
import type { Validity } from "#platform/cache/validity.ts";
import { addressKey } from "#platform/http/client-address.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Logger } from "#platform/observe/log.ts";
import { signerOf } from "#platform/seal/signer.ts";
import { optionalPart } from "../composition/optional-part.ts";
import type { PublicParts } from "../composition/public-parts.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { defaultAvatar, defaultBackground } from "./default-picture.ts";
import { downloadPath, isPublic } from "./media-urls.ts";

/** Only files made for display are served; a source that is not playable has another extension. */
const contentTypes: Record<string, string> = { mp4: "video/mp4", jpg: "image/jpeg" };
const defaultPictures = new Map([
  ["avatar", defaultAvatar],
  ["background", defaultBackground],
]);
const forEver = "public, max-age=31536000, immutable";
/** Who has loaded it keeps it; what stands between asks us, after so long, whether it is still public. */
const whileOpen = (sharedSeconds: number) => `public, max-age=31536000, s-maxage=${sharedSeconds}, immutable`;
/** Pages of others read it too: those of our own, when it is elsewhere. */
const openToPages = { "access-control-allow-origin": "*" };
/** How long a browser remembers that it may ask for a part. */
const preflightSeconds = "86400";
/** Asked for again each time, with the ETag. */
const forOne = "private, no-cache";
/** Pictures of people, which everybody may see. */
const alwaysOpen = "picture/";
/** Pictures of messages, for those who may read the message. */
const ofMessages = "message/";

/** Blobs by name, and the default pictures. */
export async function mediaRoutes(
  app: FastifyInstance,
  {
    blobs,
    user,
    video,
    interaction,
    message,
    signed,
    films,
    limits,
  }: Pick<
    GatewayContext,
    "blobs" | "user" | "video" | "interaction" | "message" | "signed" | "films" | "limits"
  >,
  {
    parts,
    validity,
    secret,
    mediaUrl,
    mediaCacheSeconds,
    log,
  }: {
    parts: Pick<PublicParts, "openBlobs">;
    validity: Validity;
    secret: string;
    mediaUrl: string;
    mediaCacheSeconds: number;
    log: Logger;
  },
): Promise<void> {
  const optional = optionalPart(log);
  const isElsewhere = mediaUrl !== "";
  const openCaching = whileOpen(isElsewhere ? mediaCacheSeconds : 0);
  /** So that no address can be told from what is stored. */
  const guests = signerOf(secret, "guests who download");
  /** How a blob may be kept by the one who asks. Fails if they may not have it. */
  async function cachingOf(key: BlobKey, request: FastifyRequest): Promise<string> {
    // What a CDN has is to go with the account.
    if (key.startsWith(alwaysOpen)) return isElsewhere ? openCaching : forEver;
    const call = callOf(request);
    const pass = signed.passIn(key, request.query);
    if (key.startsWith(ofMessages)) {
      if (pass && !pass.expired) {
        const asked = { messageId: pass.videoId, keys: [key] };
        const { keys } = await message.findMessageBlobs(asked, { ...call, callerId: pass.viewerId });
        if (keys.length > 0) return forOne;
      }
      throw refusal(pass?.expired ? "MEDIA_URL_EXPIRED" : "NOT_FOUND");
    }
    if (pass && !pass.expired) {
      const { videoId, viewerId, asModerator: forModerators } = pass;
      const asViewer = { ...call, callerId: viewerId, moderator: forModerators };
      const shown = await video.findShownBlobs({ videoId, keys: [key], forModerators }, asViewer);
      if (shown.keys.length > 0) return forOne;
    }
    const open = await parts.openBlobs([key], { ...call, asOf: await validity.now() });
    if (open.has(key)) return openCaching;
    throw refusal(pass?.expired ? "MEDIA_URL_EXPIRED" : "NOT_FOUND");
  }

  app.get<{ Params: { kind: string; file: string } }>(
    "/media/default/:kind/:file",
    async (request, reply) => {
      const id = request.params.file.replace(/\.png$/, "");
      const draw = defaultPictures.get(request.params.kind);
      if (!draw || !isId(id)) throw refusal("NOT_FOUND");
      if (isElsewhere) reply.headers(openToPages);
      return reply.header("cache-control", forEver).type("image/png").send(draw(id));
    },
  );
  // The file with somebody's data, for them alone, as long as it is kept.
  app.route<{ Params: { file: string } }>({
    method: ["GET", "HEAD"],
    url: "/media/export/:file",
    handler: async (request, reply) => {
      const key = `export/${request.params.file}`;
      const pass = signed.passIn(key, request.query);
      if (!pass?.viewerId || pass.videoId !== pass.viewerId || pass.expired)
        throw refusal(pass?.expired ? "MEDIA_URL_EXPIRED" : "NOT_FOUND");
      const made = await user.getExport({}, { ...callOf(request), callerId: pass.viewerId });
      if (made.key !== key) throw refusal("NOT_FOUND");
      const disposition = 'attachment; filename="douya-export.zip"';
      return serve(
        { key, type: "application/zip", caching: "private, no-store", open: false, disposition },
        request,
        reply,
      );
    },
  });
  // HEAD is handled here too: the framework's own handler would read the file and throw it away.
  for (const url of ["/media/:namespace/:file", "/media/film/:mark/:namespace/:file"])
    app.route<{ Params: { namespace: string; file: string; mark?: string } }>({
      method: ["GET", "HEAD"],
      url,
      handler: async (request, reply) => {
        const { namespace, file, mark } = request.params;
        const key = `${namespace}/${file}`;
        const type = contentTypes[key.slice(key.lastIndexOf(".") + 1)];
        if (!isBlobKey(key) || !type) throw refusal("NOT_FOUND");
        const caching = await cachingOf(key, request);
        return serve({ key, type, caching, open: caching !== forOne, mark }, request, reply);
      },
    });
  // A browser that asks whether a page may ask for a part.
  app.options("/media/:namespace/:file", async (_request, reply) => {
    if (isElsewhere)
      reply.headers({
        ...openToPages,
        "access-control-allow-methods": "GET, HEAD",
        "access-control-allow-headers": "range",
        "access-control-max-age": preflightSeconds,
      });
    return reply.code(204).send();
  });
  /**
   * A film as a file. Whose it is counted for is in the signature; without one, or with an expired one, it is a guest, and
   * only what is public is for them.
   */
  app.route<{ Params: { videoId: string } }>({
    method: ["GET", "HEAD"],
    url: "/media/download/:videoId",
    handler: async (request, reply) => {
      const { videoId } = request.params;
      const pass = signed.passIn(downloadPath(videoId), request.query);
      const viewer = pass?.expired ? undefined : pass;
      const forModerators = viewer?.asModerator === true;
      const call = { ...callOf(request), callerId: viewer?.viewerId, moderator: forModerators };
      const asked = { ids: [videoId], forModerators };
      const [found] = isId(videoId) ? (await video.getVideos(asked, call)).videos : [];
      const refused = refusal(pass?.expired ? "MEDIA_URL_EXPIRED" : "VIDEO_NOT_FOUND");
      if (!found?.playKey || found.state !== VideoState.PUBLISHED) throw refused;
      // As with its other files: whoever may see it and was not let in to it has no address of it.
      if (!viewer && !isPublic(found.visibility)) throw refused;
      if (!found.downloadAllowed) throw refusal("DOWNLOADS_NOT_ALLOWED");
      if (request.method === "GET" && !continues(request) && !forModerators) {
        await limits.take(request);
        const guest = guests.sign(
          `${videoId} ${new Date().toISOString().slice(0, 10)} ${addressKey(request.ip)}`,
        );
        await optional(call, "downloads", () => interaction.countDownload({ videoId, guest }, call));
      }
      const disposition = `attachment; filename="douya-${found.playKey.slice(-16)}"`;
      const film = { key: found.playKey, type: contentTypes.mp4!, disposition };
      // Asked for each time, so that it is counted.
      return serve({ ...film, caching: forOne, open: isPublic(found.visibility) }, request, reply);
    },
  });

  async function serve(
    blob: {
      key: BlobKey;
      type: string;
      caching: string;
      open: boolean;
      disposition?: string;
      mark?: string | undefined;
    },
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    const { key, type, caching, open, disposition, mark } = blob;
    // Our own pages may load from nowhere else.
    const ofOurPage = request.headers["sec-fetch-site"] === "same-origin";
    const shown = { type, caching, ...(disposition && { disposition }) };
    // What is not for everybody stays here, since a link outlives a change of who may see it; links are for GET.
    // A CDN is there to keep it.
    const isKept = isElsewhere && !disposition;
    const mayLink = !ofOurPage && !isKept && open && request.method === "GET";
    const link = mayLink ? await blobs.linkTo?.(key, shown) : undefined;
    // For less long than the link lasts; whether it is still for everybody is asked with the next one.
    if (link) return reply.header("cache-control", "private, max-age=60").redirect(link, 302);
    if (disposition) reply.header("content-disposition", disposition);
    if (isKept && open) reply.headers(openToPages);
    const counted = (start: number, sizeBytes: number) => {
      if (mark !== undefined) films.count(mark, request, reply, { start, sizeBytes });
    };
    return sendBlob(blobs, { key, type, caching }, request, reply, counted);
  }
}

/** Asks for the rest of a file that it has begun to load. */
function continues({ headers: { range } }: FastifyRequest): boolean {
  return range !== undefined && !range.startsWith("bytes=0-");
}

async function sendBlob(
  blobs: BlobStore,
  { key, type, caching }: { key: BlobKey; type: string; caching: string },
  request: FastifyRequest,
  reply: FastifyReply,
  /** Told what is sent: from which byte on, of how many. */
  sends: (start: number, sizeBytes: number) => void,
) {
  const sizeBytes = await blobs.size(key);
  if (sizeBytes === undefined) throw refusal("NOT_FOUND");
  const etag = `"${key.slice(key.indexOf("/") + 1, key.lastIndexOf("."))}"`;
  const headers = {
    etag,
    "cache-control": caching,
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
  };
  if (matches(request.headers["if-none-match"], etag)) return reply.code(304).headers(headers).send();
  const ifRange = request.headers["if-range"];
  const range =
    ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, sizeBytes) : undefined;
  if (range === "unsatisfiable") {
    return reply.code(416).headers(headers).header("content-range", `bytes */${sizeBytes}`).send();
  }
  const content = request.method === "HEAD" ? undefined : await opened(blobs.read(key, range));
  reply.headers(headers).type(type);
  reply.header("content-length", range ? range.end - range.start + 1 : sizeBytes);
  if (range) reply.code(206).header("content-range", `bytes ${range.start}-${range.end}/${sizeBytes}`);
  if (content) sends(range?.start ?? 0, sizeBytes);
  return reply.send(content);
}

/** Waits for the first bytes, since a video may be deleted between the stat and the read. */
async function opened(content: Readable): Promise<Readable> {
  try {
    await once(content, "readable");
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw refusal("NOT_FOUND");
    throw error;
  }
}

/** One byte range (RFC 9110, section 14); several at once and other units get the whole file. */
function parseRange(
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
  return (ifNoneMatch ?? "")
    .split(",")
    .map((candidate) => candidate.trim().replace(/^W\//, ""))
    .some((candidate) => candidate === etag || candidate === "*");
}
