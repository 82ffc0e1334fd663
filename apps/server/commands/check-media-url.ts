import { randomInt } from "node:crypto";
import type { Config } from "../config.ts";

const answerMs = 10_000;

/** Whether DOUYA_MEDIA_URL leads here. An error says what to mend; a server has to run. */
export async function checkMediaUrl({ mediaUrl, publicUrl }: Config): Promise<string> {
  // Nobody has asked for it before, so no cache answers.
  const url = `${mediaUrl}/media/default/avatar/${randomInt(2 ** 47)}.png`;
  const to = publicUrl || "this server";
  const answer = await fetch(url, { signal: AbortSignal.timeout(answerMs), redirect: "manual" }).catch(
    (error: Error) => {
      const { message } = (error.cause as Error | undefined) ?? error;
      throw new Error(`${mediaUrl} does not answer (${message}). Start it, or correct DOUYA_MEDIA_URL`);
    },
  );
  await answer.body?.cancel();
  const { status, headers } = answer;
  if (status === 421)
    throw new Error(
      `${mediaUrl} leads to a server of another name (421). Let it ask with the Host of ${to}, and start this server with the same DOUYA_PUBLIC_URL`,
    );
  if (status !== 200 || headers.get("content-type") !== "image/png")
    throw new Error(
      `${mediaUrl} does not lead to ${to}: it answers ${status} to ${new URL(url).pathname}. Let it pass /media/ on to ${to}`,
    );
  if (headers.get("access-control-allow-origin") !== "*")
    throw new Error(
      `${mediaUrl} leads to a server without DOUYA_MEDIA_URL, or takes away access-control-allow-origin: pages could not read it. Start every gateway with DOUYA_MEDIA_URL, and let that header through`,
    );
  return `${mediaUrl} leads to ${to}`;
}
