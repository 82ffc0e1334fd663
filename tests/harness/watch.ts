import { body, type Schemas } from "./http-client.ts";
import type { Person, Scenario } from "./scenario.ts";
import { until } from "./within.ts";

/** Watches as much of a video as makes a view, as soon as it can have been watched; a guest without a viewer. */
export async function watch(
  { api }: Pick<Scenario, "api">,
  { id, durationMs }: Pick<Schemas["Video"], "id" | "durationMs">,
  viewer?: Person,
  more: { ended?: boolean } = {},
): Promise<void> {
  const token = viewer?.session.accessToken;
  const begun = await api<{ sessions: { token: string }[] }>("POST", "/playback/sessions", {
    token,
    json: { videoIds: [id] },
  });
  const [session] = body(begun).sessions;
  const entry = { token: session!.token, watchedMs: Math.min(3_000, durationMs / 2), positionMs: 0, ...more };
  await until("so much can have been watched", async () => {
    const json = { entries: [entry] };
    return (
      body(await api<{ accepted: number }>("POST", "/playback/beacons", { token, json }), 202).accepted === 1
    );
  });
}
