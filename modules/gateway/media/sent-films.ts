import type { FastifyReply, FastifyRequest } from "fastify";
import type { BlobKey } from "#platform/blob/blob-store.ts";
import { addressKey } from "#platform/http/client-address.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { signerOf } from "#platform/seal/signer.ts";
import { callOf, type PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

/**
 * Clients of the classic API tell nothing of what is watched, so their requests for films are counted: the URLs that they
 * are given say of which video they are and, signed, whose client it is.
 */
export interface SentFilms {
  /** Of the address of a film, for a classic client: the path of its key, which ends as that does. */
  markedPath(key: BlobKey, videoId: string, viewerId: string | undefined): string;
  /**
   * Counts, once the answer is over, how much of a film was sent for a mark: `start`, the bytes before it, of `sizeBytes`.
   */
  count(
    mark: string,
    request: FastifyRequest,
    reply: FastifyReply,
    part: { start: number; sizeBytes: number },
  ): void;
}

export function sentFilms(
  secret: string,
  playback: Pick<GatewayClients["playback"], "countSent">,
  protect: Pick<Protection, "rateLimit">,
  onError: (error: unknown) => void,
): SentFilms {
  const viewers = signerOf(secret, "who is sent a film");
  const guests = signerOf(secret, "guests who are sent a film");
  /** By address: what is sent beyond is not counted, since each time is stored. Many may be behind one. */
  const counted = protect.rateLimit("films sent", { burst: 600, perMinute: 600 });
  /** By address and video, as those of guests who tell of it themselves: anybody can say that they are another guest. */
  const guestsCounted = protect.rateLimit("films sent to guests", { burst: 300, perMinute: 20 });
  const saying = (videoId: string, viewerId: string) => `${videoId} ${viewerId}`;

  /** The video, and who watches it; undefined: a guest. */
  function read(mark: string): { videoId: string; viewerId: string | undefined } | undefined {
    const [videoId = "", viewerId = "", signature = ""] = mark.split(".");
    if (!isId(videoId)) return undefined;
    const isTheirs = isId(viewerId) && viewers.isSigned(saying(videoId, viewerId), signature);
    return { videoId, viewerId: isTheirs ? viewerId : undefined };
  }

  return {
    markedPath(key, videoId, viewerId) {
      const whose = viewerId ? `.${viewerId}.${viewers.sign(saying(videoId, viewerId))}` : "";
      return `film/${videoId}${whose}/${key}`;
    },
    count(mark, request, reply, { start, sizeBytes }) {
      const found = read(mark);
      if (!found) return;
      const { videoId, viewerId } = found;
      const { socket } = request;
      const before = socket.bytesWritten;
      const call: PublicCall = { ...callOf(request), callerId: viewerId };
      const { "user-agent": agent = "" } = request.headers;
      const guest = guests.sign(`${addressKey(request.ip)} ${agent}`);
      reply.raw.once("close", () => {
        const share = Math.min(1, (start + socket.bytesWritten - before) / sizeBytes);
        // It goes on when the client is gone.
        const { signal: _, ...lasting } = { ...call, deadlineMs: Date.now() + 10_000 };
        const address = addressKey(request.ip);
        Promise.resolve(viewerId ?? guestsCounted.take(`${address} ${videoId}`))
          .then(() => counted.take(address))
          .then(() => playback.countSent({ videoId, guest, share }, lasting))
          .catch(onError);
      });
    },
  };
}
