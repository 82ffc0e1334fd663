import { type Answer, send } from "./http-client.ts";
import { until } from "./within.ts";

/**
 * A page of the web client with all its parts. The server waits for these for a second only, and names those that the
 * page is shown without.
 */
export function wholePage(url: string, headers: Record<string, string> = {}): Promise<Answer<string>> {
  return until("the whole page", async () => {
    const page = await send<string>("GET", url, { headers });
    return !page.headers.has("douya-missing") && page;
  });
}
