import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import {
  afterFailures,
  againMs,
  createApi,
  createSender,
  isSoonOver,
  isTransient,
  refreshSession,
  take,
} from "./api/client.ts";
import { feedQuery, videoQuery } from "./api/queries.ts";
import { createRetryHints } from "./api/retry-hints.ts";
import { ServicesProvider } from "./api/services.tsx";
import { createSession } from "./api/session.ts";
import { followViewer, forgetViewer } from "./api/viewer.ts";
import { firstAnswers, firstFilmMoves, hideFirstScreen } from "./feed/first-screen.ts";
import { I18nProvider } from "./i18n/i18n.tsx";
import { pickLanguage } from "./i18n/language.ts";
import { loadFirstWords } from "./i18n/load-dictionary.ts";
import { createMessageCache } from "./messages/message-cache.ts";
import { createOutbox, messageDraft } from "./messages/outbox.ts";
import { createPictureOutbox } from "./messages/picture-outbox.ts";
import { createPictureUploadStore } from "./pictures/picture-upload-store.ts";
import { lazyReporter } from "./playback/lazy-reporter.ts";
import { applyLive } from "./realtime/apply-live.ts";
import { createRealtime } from "./realtime/start.ts";
import { createPreferences } from "./settings/preferences.ts";
import { App } from "./shell/app.tsx";
import { browserStorage } from "./shell/browser-storage.ts";
import { hideTornImages } from "./shell/hide-torn-images.ts";
import { followHistory } from "./shell/history.ts";
import { followTheme } from "./shell/theme.ts";
import { createDrafts } from "./social/drafts.ts";
import { ToastProvider } from "./ui/toast.tsx";
import { createUploadStore } from "./upload/upload-store.ts";
import { SoundProvider } from "./video/sound.tsx";
import "./shell/base.css";
import "./shell/reduced-motion.css";
import "./ui/button.css";

/** Another tab may be renewing just now. */
const RENEWAL_START_MS = 100;
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const isMissing = ({ data, error }: { data: unknown; error: unknown }) =>
  data === undefined && error !== null && isTransient(error);

const local = browserStorage(() => localStorage);
const preferences = createPreferences(local);
const language = pickLanguage(preferences.get().language, navigator.languages);
const words = loadFirstWords(language);
followTheme(preferences, document.documentElement);
followHistory(history);
hideTornImages(document);

let noteRenewal = () => {};
const renewalSent = new Promise<void>((resolve) => {
  noteRenewal = resolve;
});
const hints = createRetryHints();
const session = createSession({
  storage: local,
  refresh: (refreshToken) => {
    const renewed = refreshSession(refreshToken, hints);
    noteRenewal();
    return renewed;
  },
  locks: navigator.locks,
  channel: new BroadcastChannel("douya.session"),
});
const sendRaw = createSender(session, hints);
const api = createApi(sendRaw);
const uploads = createUploadStore({ api, session, storage: local });
const pictureUploads = createPictureUploadStore({ api, session });
const drafts = createDrafts(browserStorage(() => sessionStorage));
const cache = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: "always",
      refetchOnWindowFocus: false,
      staleTime: 15_000,
      gcTime: 30 * 60_000,
      retry: (failures, error) => failures < 2 && isSoonOver(error),
      retryDelay: (failures, error) => againMs(error, 400 * 3 ** failures),
      // Failed requests are repeated: a server or a network that was down comes back.
      refetchInterval: ({ state }) => isMissing(state) && afterFailures(state.error, state.errorUpdateCount),
      refetchOnReconnect: ({ state }) => isMissing(state),
    },
    mutations: { networkMode: "always" },
  },
});
const messages = createMessageCache(cache);
const outbox = createOutbox({
  storage: local,
  session,
  send: ({ peerId, content, key, replyTo }) =>
    take(
      api.POST("/api/v1/conversations/{userId}/messages", {
        params: { path: { userId: peerId } },
        body: { content, idempotencyKey: key, ...(replyTo && { replyTo: replyTo.id }) },
      }),
    ),
  onSent: messages.add,
  giveBack(peerId, content) {
    const where = messageDraft(peerId);
    // Words that were written meanwhile stay.
    drafts.set(where, [content, drafts.get(where)].filter(Boolean).join("\n"));
  },
});
const pictureOutbox = createPictureOutbox({
  session,
  send: async (outgoing) => (await import("./messages/send-picture.ts")).sendPicture(sendRaw, outgoing),
  onSent: messages.add,
});
// Here or in another tab somebody else may have logged in.
followViewer(session, (isAnother) => {
  forgetViewer(cache);
  if (!isAnother) return;
  // What waits to be sent is kept by person.
  for (const store of [uploads, pictureUploads]) store.reset();
  drafts.clear();
});
const reporter = lazyReporter(async () => {
  const { startReporter } = await import("./playback/start.ts");
  return startReporter({ api, session, storage: local });
});
const realtime = createRealtime({ api, session, cache, outbox, onVideos: applyLive(cache, session) });
// Before React renders: the first video is what people wait for.
const { feedTab } = preferences.get();
const { feed, video } = firstAnswers();
const isGuest = !session.user();
const isFeed = location.pathname === "/";
if (!isGuest) hideFirstScreen();
else if (feed)
  cache.setQueryData(feedQuery(api, "public").queryKey, { pages: [feed], pageParams: [undefined] });
else if (video) cache.setQueryData(videoQuery(api, video.id).queryKey, video);
if (isFeed && (feedTab === "public" || !isGuest)) void cache.prefetchInfiniteQuery(feedQuery(api, feedTab));
const watched = /^\/video\/(\d+)$/.exec(location.pathname)?.[1];
if (watched && !isGuest) void cache.prefetchQuery(videoQuery(api, watched));
// Every other page also requests it, once its code is loaded.
if (!isGuest) session.accessToken().catch(() => {});

// Rendering blocks the main thread, and everything that a member sees waits for the renewal.
await (isGuest ? firstFilmMoves() : Promise.race([renewalSent, delay(RENEWAL_START_MS)]));
const root = document.getElementById("root") as HTMLElement;
const first = await words.catch((error) => {
  // No text is there to say it with.
  const reload = document.createElement("button");
  reload.className = "button button-primary";
  reload.textContent = "Reload · 刷新";
  reload.onclick = () => location.reload();
  hideFirstScreen();
  root.replaceChildren(reload);
  throw error;
});
createRoot(root).render(
  <StrictMode>
    <ServicesProvider
      value={{
        ...{ api, sendRaw, session, preferences, uploads, pictureUploads, drafts, realtime },
        ...{ outbox, pictureOutbox, reporter },
      }}
    >
      <QueryClientProvider client={cache}>
        <I18nProvider first={first}>
          <ToastProvider>
            <SoundProvider>
              <App />
            </SoundProvider>
          </ToastProvider>
        </I18nProvider>
      </QueryClientProvider>
    </ServicesProvider>
  </StrictMode>,
);
