import { problemOf } from "../api/problem.ts";
import type { Video } from "../api/types.ts";

/** Makes a picture the cover of one's video. */
export async function sendCover(
  send: (request: Request) => Promise<Response>,
  videoId: string,
  file: File,
): Promise<Video> {
  const headers = { "content-type": file.type };
  const response = await send(
    new Request(`/api/v1/videos/${videoId}/cover`, { method: "PUT", headers, body: file }),
  );
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as Video;
}
