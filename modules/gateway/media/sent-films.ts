import type { FastifyReply, FastifyRequest } from "fastify";
import { addressKey } from "#platform/http/client-address.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { signerOf } from "#platform/seal/signer.ts";
import { callOf, type PublicCall } from "../edge/request-call.ts";
import type { GatewayClients } from "../gateway-calls.ts";

/**
 * Clients of the classic API tell nothing of what is watched, so their requests for films are counted: the URLs that they
 * are given say of which video they are and, signed, whose client it is.
 */
export interface SentFilms {
  /** A URL of a film, as a classic client gets it. */
  marked(url: string, videoId: string, viewerId: string | undefined): string;
  /** Counts, once the answer is over, how much of a film was sent: `start`, the bytes before it, of `sizeBytes`. */
  count(request: FastifyRequest, reply: FastifyReply, start: number, sizeBytes: number): void;
}

export function sentFilms(
  secret: string,
  playback: GatewayClients["playback"],
  onError: (error: unknown) => void,
): SentFilms {
  const viewers = signerOf(secret, "who is sent a film");
  const guests = signerOf(secret, "guests who are sent a film");
  const saying = (videoId: string, viewerId: string) => `${videoId} ${viewerId}`;

  /** The video, and who watches it; undefined: a guest. */
  function markOf(query: unknown): { videoId: string; viewerId: string | undefined } | undefined {
    const { film, by, mark } = query as Record<string, unknown>;
    if (typeof film !== "string" || !isId(film)) return undefined;
    const isTheirs =
      typeof by === "string" && typeof mark === "string" && viewers.isSigned(saying(film, by), mark);
    return { videoId: film, viewerId: isTheirs ? by : undefined };
  }

  return {
    marked(url, videoId, viewerId) {
      const whose = viewerId ? `&by=${viewerId}&mark=${viewers.sign(saying(videoId, viewerId))}` : "";
      return `${url}${url.includes("?") ? "&" : "?"}film=${videoId}${whose}`;
    },
    count(request, reply, start, sizeBytes) {
      const found = markOf(request.query);
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
        playback.countSent({ videoId, guest, share }, lasting).catch(onError);
      });
    },
  };
}
