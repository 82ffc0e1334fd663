import { body, type Schemas } from "./http-client.ts";
import type { Person, Scenario } from "./scenario.ts";
import { until } from "./within.ts";

interface Told {
  watchedMs: number;
  positionMs?: number;
  loops?: number;
  ended?: boolean;
  from?: string;
}

/** Watches a video in a session of its own, as a person or a guest, until so much can have been watched. */
export async function watch(
  server: Scenario,
  videoId: string,
  viewer: Person | undefined,
  told: Told,
): Promise<void> {
  const token = viewer?.session.accessToken;
  const { sessions } = body(
    await server.api<{ sessions: { token: string }[] }>("POST", "/playback/sessions", {
      token,
      json: { videoIds: [videoId] },
    }),
  );
  const entries = [{ positionMs: 0, at: Date.now(), ...told, token: sessions[0]!.token }];
  await until("accepted", async () => {
    const answer = await server.api<{ accepted: number }>("POST", "/playback/beacons", {
      token,
      json: { entries },
    });
    return body(answer, 202).accepted === 1;
  });
}

/** Watches as much of a video as makes a view. */
export function watchEnough(
  server: Scenario,
  { id, durationMs }: Pick<Schemas["Video"], "id" | "durationMs">,
  viewer?: Person,
  more: { ended?: boolean } = {},
): Promise<void> {
  return watch(server, id, viewer, { watchedMs: Math.min(3_000, durationMs / 2), ...more });
}
