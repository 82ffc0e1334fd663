import { type Api, afterFailures, isTransient, take } from "../api/client.ts";
import type { SessionStore } from "../api/session.ts";
import type { BrowserStorage } from "../shell/browser-storage.ts";
import { createReporter, type Reporter } from "./reporter.ts";

interface Options {
  api: Api;
  session: Pick<SessionStore, "user" | "subscribe">;
  storage: Pick<BrowserStorage, "getItem" | "setItem">;
}

/** Who has watched something on which day: the day is told once. */
const KEY = "douya.watched";

/** The reporter of this page. */
export function startReporter({ api, session, storage }: Options): Reporter {
  const dayOf = (day: string) => `${session.user()?.id} ${day}`;
  const reporter = createReporter({
    begin: async (videoIds) =>
      (await take(api.POST("/api/v1/playback/sessions", { body: { videoIds } }))).sessions,
    tell: (body) => take(api.POST("/api/v1/playback/beacons", { body })),
    // The tokens say who watched.
    // A browser takes it offline, too, and loses it; a server on the same machine gets it all the same.
    tellLast: (body) =>
      navigator.sendBeacon("/api/v1/playback/beacons", JSON.stringify(body)) && navigator.onLine,
    againMs: (error, failures) => (isTransient(error) ? afterFailures(error, failures) : undefined),
    today() {
      const day = localDay(new Date());
      return session.user() && storage.getItem(KEY) !== dayOf(day) ? day : undefined;
    },
    saidToday: (day) => storage.setItem(KEY, dayOf(day)),
  });
  let viewer = session.user()?.id;
  session.subscribe(() => {
    if (session.user()?.id === viewer) return;
    viewer = session.user()?.id;
    reporter.forget();
  });
  document.addEventListener("visibilitychange", () => document.hidden && reporter.leave());
  addEventListener("pagehide", reporter.leave);
  addEventListener("online", reporter.hurry);
  return reporter;
}

/** In the time zone of this device. */
function localDay(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
