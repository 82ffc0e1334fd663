import { signerOf } from "#platform/seal/signer.ts";

/** The query of a signed media URL that has ended an hour ago; `path`: below /media, what its signature is for. */
export function expiredQuery(secret: string, path: string, videoId: string, viewerId = "0"): string {
  const until = Math.floor(Date.now() / 1000) - 3600;
  const signature = signerOf(secret, "media URLs").sign(`${path} ${videoId} ${viewerId} ${until}`);
  return `?video=${videoId}&viewer=${viewerId}&until=${until}&signature=${signature}`;
}
