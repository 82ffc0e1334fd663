import { signerOf } from "#platform/seal/signer.ts";

const signed = (
  secret: string,
  path: string,
  videoId: string,
  viewerId: string,
  until: number,
  as?: string,
) => {
  const text = `${path} ${videoId} ${viewerId} ${until}${as ? ` ${as}` : ""}`;
  const signature = signerOf(secret, "media URLs").sign(text);
  return `?video=${videoId}&viewer=${viewerId}&until=${until}${as ? `&as=${as}` : ""}&signature=${signature}`;
};
const hoursFromNow = (hours: number) => Math.floor(Date.now() / 1000) + hours * 3600;

/** The query of a signed media URL that has ended an hour ago; `path`: below /media, what its signature is for. */
export function expiredQuery(secret: string, path: string, videoId: string, viewerId = "0"): string {
  return signed(secret, path, videoId, viewerId, hoursFromNow(-1));
}

/** That of one which is given to a moderator. */
export function moderatorQuery(secret: string, path: string, videoId: string, viewerId: string): string {
  return signed(secret, path, videoId, viewerId, hoursFromNow(1), "moderator");
}
