import { createListeners } from "./listeners.ts";
import { Problem } from "./problem.ts";
import type { Session, User } from "./types.ts";

interface Saved {
  user: User;
  /** Only of a session from before refresh tokens moved to a cookie; the next renewal moves it. */
  refreshToken?: string;
}
interface Access {
  token: string;
  expiresAtMs: number;
}
type Message = { kind: "renewed"; access: Access };
type EndReason = "left" | "ended";

export interface SessionStore {
  /** The logged-in person, or null. The same object until it changes. */
  user(): User | null;
  subscribe(listener: () => void): () => void;
  /** Called when the server has ended the session (not when the person logged out). */
  onEnded(listener: () => void): () => void;
  /** A token valid for at least half a minute; null for a guest. Throws a Problem if renewing fails. */
  accessToken(): Promise<string | null>;
  /** A new token after `rejected` was refused; null if the session is over. */
  renew(rejected: string | null): Promise<string | null>;
  begin(session: Session): void;
  updateUser(user: User): void;
  end(reason: EndReason): void;
}

interface Options {
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** POST /sessions/refresh, without a token if it is in the cookie; throws a Problem. */
  refresh: (refreshToken: string | undefined) => Promise<Session>;
  /** Absent on plain http: then only the requests of one tab share a renewal. */
  locks?: Pick<LockManager, "request"> | undefined;
  channel?: Pick<BroadcastChannel, "postMessage" | "addEventListener"> | undefined;
  now?: () => number;
}

const KEY = "douya.session";
const SPARE_MS = 30_000;

/**
 * Keeps the session: the access token in memory, the person in storage. The rotating refresh token is in a cookie
 * that no script can read; without cookies it is in memory, and the session lasts as long as the page. Renewals run
 * one at a time over all requests and tabs, since a refresh token used twice ends the session.
 */
export function createSession({ storage, refresh, locks, channel, now = Date.now }: Options): SessionStore {
  let saved = load();
  let access: Access | null = null;
  /** For browsers without cookies. */
  let kept: string | undefined;
  let renewing: Promise<string | null> | null = null;
  const changes = createListeners();
  const endings = createListeners();

  function load(): Saved | null {
    try {
      return JSON.parse(storage.getItem(KEY) ?? "null") as Saved | null;
    } catch {
      return null;
    }
  }
  function save(next: Saved | null) {
    saved = next;
    if (next && !kept) storage.setItem(KEY, JSON.stringify(next));
    else storage.removeItem(KEY);
    changes.call();
  }
  const usable = (candidate: Access | null): candidate is Access =>
    candidate !== null && candidate.expiresAtMs - now() > SPARE_MS;

  function begin(session: Session) {
    access = { token: session.accessToken, expiresAtMs: Date.parse(session.accessTokenExpiresAt) };
    kept = session.refreshToken || undefined;
    save({ user: session.user });
    if (!kept) channel?.postMessage({ kind: "renewed", access } satisfies Message);
  }
  function end(reason: EndReason) {
    access = null;
    kept = undefined;
    save(null);
    if (reason === "ended") endings.call();
  }
  async function renewOnce(rejected: string | null): Promise<string | null> {
    // Another tab may have renewed it while this one waited for the lock.
    if (usable(access) && access.token !== rejected) return access.token;
    const current = kept ? saved : load();
    if (!current) {
      if (saved) end("ended");
      return null;
    }
    try {
      const session = await refresh(kept ?? current.refreshToken);
      begin(session);
      return session.accessToken;
    } catch (error) {
      const over = error instanceof Problem && (error.status === 401 || error.status === 403);
      if (!over) throw error;
      end("ended");
      return null;
    }
  }
  async function renewAlone(rejected: string | null): Promise<string | null> {
    if (!locks) return renewOnce(rejected);
    let granted = false;
    const run = () => {
      granted = true;
      return renewOnce(rejected);
    };
    // With site data blocked the browser refuses locks; no other tab has this session then.
    return locks.request("douya.session", run).catch((error) => {
      if (granted) throw error;
      return renewOnce(rejected);
    });
  }
  function renew(rejected: string | null): Promise<string | null> {
    renewing ??= renewAlone(rejected).finally(() => {
      renewing = null;
    });
    return renewing;
  }

  channel?.addEventListener("message", (event) => {
    const next = load();
    if (!next || kept) return;
    access = (event as MessageEvent<Message>).data.access;
    if (JSON.stringify(next) === JSON.stringify(saved)) return;
    saved = next;
    changes.call();
  });
  if (typeof window !== "undefined") {
    window.addEventListener("storage", (event) => {
      if ((event.key !== KEY && event.key !== null) || kept) return;
      const before = saved?.user.id;
      saved = load();
      if (saved?.user.id !== before) access = null;
      changes.call();
    });
  }

  return {
    user: () => saved?.user ?? null,
    subscribe: changes.add,
    onEnded: endings.add,
    accessToken: async () => (usable(access) ? access.token : saved ? renew(null) : null),
    renew,
    begin,
    updateUser: (user) => saved && save({ ...saved, user }),
    end,
  };
}
