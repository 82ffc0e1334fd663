import { expect, test } from "vitest";
import type { Endpoints, Registry } from "../registry/registry.ts";

/** What every registry keeps to. `open` makes one in which modules run at these addresses. */
export function registryContract(open: (places: Record<string, string[]>) => Promise<Registry>): void {
  const places = {
    user: ["127.0.0.1:9001", "127.0.0.1:9002"],
    video: ["media.example:9003"],
    feed: ["[::1]:1"],
  };

  test("it says where each module runs, at every place", async () => {
    const registry = await open(places);
    for (const [module, addresses] of Object.entries(places))
      await expect.poll(() => addressesIn(registry.endpoints(module))).toEqual(addresses);
  });

  test("whoever watches may stop, more than once, and others go on", async () => {
    const registry = await open(places);
    const endpoints = registry.endpoints("user");
    const stops = [endpoints.watch(() => {}), endpoints.watch(() => {})];
    for (const stop of [...stops, ...stops]) stop();
    await expect.poll(() => addressesIn(endpoints)).toEqual(places.user);
  });
}

function addressesIn(endpoints: Endpoints): string[] {
  return endpoints
    .current()
    .map(({ address }) => address)
    .sort();
}
