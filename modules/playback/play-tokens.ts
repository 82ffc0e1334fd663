import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { signerOf } from "#platform/seal/signer.ts";
import { dayMs, startOf } from "./rules.ts";

/** What a session is, as its token says. */
export interface Play {
  videoId: string;
  authorId: string;
  /** Who watches; undefined: a guest. */
  userId: string | undefined;
  viewer: string;
  startedMs: number;
  /** 0: a post of pictures. */
  durationMs: number;
  session: string;
  /** Whether it goes into the person's history. */
  kept: boolean;
}

const version = 1;
const bytes = 52;
const none = "0";

/**
 * Tokens of sessions: what they say, and a signature over it. So nothing is stored when one begins. `verified`: remembers some
 * whose signature was right; a player tells of a session every ten seconds.
 */
export function playTokens(
  secret: string,
  verified: { get(token: string): Play | undefined; set(token: string, play: Play): void },
) {
  const signer = signerOf(secret, "playback session");
  const viewerKey = Buffer.from(hkdfSync("sha256", secret, "", "douya playback viewer", 32));
  return {
    /** A number that stands for a person or a guest on the day (UTC) of this time, and for nobody on another day. */
    viewerAt(atMs: number, who: { userId: string } | { guest: string }): string {
      const name = "userId" in who ? `person ${who.userId}` : `guest ${who.guest}`;
      const hash = createHmac("sha256", viewerKey)
        .update(`${startOf(atMs, dayMs)} ${name}`)
        .digest();
      return (hash.readBigUInt64BE() >> 1n).toString();
    },
    issue(play: Omit<Play, "session">): string {
      const said = Buffer.alloc(bytes);
      said.writeUInt8(version, 0);
      said.writeUInt8(play.kept ? 1 : 0, 1);
      said.writeBigUInt64BE(BigInt(play.videoId), 2);
      said.writeBigUInt64BE(BigInt(play.authorId), 10);
      said.writeBigUInt64BE(BigInt(play.userId ?? none), 18);
      said.writeBigUInt64BE(BigInt(play.viewer), 26);
      said.writeUIntBE(play.startedMs, 34, 6);
      said.writeUInt32BE(play.durationMs, 40);
      randomBytes(8).copy(said, 44);
      const text = said.toString("base64url");
      return `${text}.${signer.sign(text)}`;
    },
    /** Undefined if it is none of ours. */
    read(token: string): Play | undefined {
      const known = verified.get(token);
      if (known) return known;
      const [text, signature, ...more] = token.split(".");
      if (!text || !signature || more.length > 0) return undefined;
      if (!signer.isSigned(text, signature)) return undefined;
      const said = Buffer.from(text, "base64url");
      if (said.length !== bytes || said[0] !== version) return undefined;
      const userId = said.readBigUInt64BE(18).toString();
      const play: Play = {
        kept: said[1] === 1,
        videoId: said.readBigUInt64BE(2).toString(),
        authorId: said.readBigUInt64BE(10).toString(),
        userId: userId === none ? undefined : userId,
        viewer: said.readBigUInt64BE(26).toString(),
        startedMs: said.readUIntBE(34, 6),
        durationMs: said.readUInt32BE(40),
        session: (said.readBigUInt64BE(44) >> 1n).toString(),
      };
      verified.set(token, play);
      return play;
    },
  };
}

export type PlayTokens = ReturnType<typeof playTokens>;
