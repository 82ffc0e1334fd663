import { problemOf } from "../api/problem.ts";
import type { Message } from "../api/types.ts";
import { scaleImage } from "../profile/scale-image.ts";
import type { OutgoingPicture } from "./picture-outbox.ts";

/** What a phone's camera makes is larger than the server takes, and than anybody sees. */
const LARGE_BYTES = 1_500_000;
const MOST_PX = 2_000;

export async function sendPicture(
  send: (request: Request) => Promise<Response>,
  { peerId, key, file, replyTo }: OutgoingPicture,
): Promise<Message> {
  const body = file.size > LARGE_BYTES ? await smaller(file) : file;
  const headers = { "content-type": body.type || "application/octet-stream" };
  const query = new URLSearchParams({ idempotencyKey: key, ...(replyTo && { replyTo: replyTo.id }) });
  const url = `/api/v1/conversations/${peerId}/pictures?${query}`;
  const response = await send(new Request(url, { method: "POST", headers, body }));
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as Message;
}

/** One that this browser cannot read is sent as it is: the server says what is wrong with it. */
async function smaller(file: Blob): Promise<Blob> {
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, MOST_PX / Math.max(image.width, image.height));
    const [width, height] = [image.width * scale, image.height * scale].map(Math.round) as [number, number];
    image.close();
    return await scaleImage(file, width, height);
  } catch {
    return file;
  }
}
