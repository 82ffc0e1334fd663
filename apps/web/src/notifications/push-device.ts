import { type Api, take } from "../api/client.ts";

const WORKER = "/push.js";

/**
 * Of this browser: it cannot, it can once the page is on the home screen, the person has refused, or whether it is told of
 * what happens while no page is open.
 */
type PushState = "unable" | "at home only" | "refused" | "off" | "on";

const isAble = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

async function subscription(): Promise<PushSubscription | null> {
  const worker = isAble() ? await navigator.serviceWorker.getRegistration(WORKER) : undefined;
  return (await worker?.pushManager.getSubscription()) ?? null;
}

export async function pushState(): Promise<PushState> {
  // Safari on phones has this, and it is true for a page that was opened from the home screen.
  const { standalone } = navigator as { standalone?: boolean };
  if (!isAble()) return standalone === false ? "at home only" : "unable";
  if (Notification.permission === "denied") return "refused";
  return (await subscription()) ? "on" : "off";
}

/** Asks the person, so it is called upon a tap. */
export async function switchOn(api: Api): Promise<void> {
  // First, since browsers ask only right after a tap.
  if ((await Notification.requestPermission()) !== "granted") return;
  const { publicKey } = await take(api.GET("/api/v1/push/key"));
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  await tell(api, made);
}

export async function switchOff(api: Api): Promise<void> {
  const known = await subscription();
  if (!known) return;
  await known.unsubscribe();
  await take(api.DELETE("/api/v1/push/subscriptions", { body: { endpoint: known.endpoint } }));
}

async function tell(api: Api, made: PushSubscription): Promise<void> {
  const { p256dh = "", auth = "" } = made.toJSON().keys ?? {};
  const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  await take(
    api.PUT("/api/v1/push/subscriptions", {
      body: { endpoint: made.endpoint, keys: { p256dh, auth }, language },
    }),
  );
}

/** Says again, at each start, that this browser is told: the server forgets those of which it hears nothing for long. */
export async function keepPush(api: Api): Promise<void> {
  const known = await subscription();
  if (known) await tell(api, known);
}

/** Nobody is logged in any more, or somebody else is; the server forgets it with the session. */
export async function dropPush(): Promise<void> {
  await (await subscription())?.unsubscribe();
}
