import { describe, expect, it } from "vitest";
import { Problem } from "./problem.ts";
import { createSession } from "./session.ts";
import type { Session, User } from "./types.ts";

const user = { id: "1", username: "lin", name: "Lin" } as User;
const NOW = 1_000_000;

function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}
function issue(number: number, livesMs: number): Session {
  const accessTokenExpiresAt = new Date(NOW + livesMs).toISOString();
  return { user, accessToken: `access-${number}`, refreshToken: "", accessTokenExpiresAt };
}
/** Two "tabs" share storage, the cookie and the lock; each renewal uses its refresh token up, as the server does. */
function world({ cookies = true } = {}) {
  const storage = memory();
  let cookie = "";
  let issued = 0;
  let current = "";
  let last = Promise.resolve<unknown>(undefined);
  const used: string[] = [];
  const next = (livesMs = 900_000) => {
    const session = issue(++issued, livesMs);
    current = `refresh-${issued}`;
    if (cookies) cookie = current;
    else session.refreshToken = current;
    return session;
  };
  const refresh = async (token = cookie) => {
    used.push(token);
    await new Promise((resolve) => setImmediate(resolve));
    if (token !== current) throw new Problem(401, { reason: "SESSION_ENDED" });
    return next();
  };
  const locks = {
    request: (_name: string, run: () => Promise<unknown>) => {
      last = last.then(run, run);
      return last;
    },
  } as unknown as Pick<LockManager, "request">;
  const open = (options = {}) => createSession({ storage, refresh, locks, now: () => NOW, ...options });
  return {
    open,
    next,
    used,
    storage,
    drop: () => {
      current = "gone";
    },
  };
}

describe("session", () => {
  it("is a guest's without a token", async () => {
    const tab = world().open();
    expect(tab.user()).toBeNull();
    expect(await tab.accessToken()).toBeNull();
  });
  it("uses a token until half a minute before its end", async () => {
    const { open, next, used } = world();
    const tab = open();
    tab.begin(next(31_000));
    expect(await tab.accessToken()).toBe("access-1");
    tab.begin(next(29_000));
    expect(await tab.accessToken()).toBe("access-3");
    expect(used).toEqual(["refresh-2"]);
  });
  it("renews once for all requests of a tab", async () => {
    const { open, next, used } = world();
    const tab = open();
    tab.begin(next(0));
    const tokens = await Promise.all([tab.accessToken(), tab.accessToken(), tab.renew("access-1")]);
    expect(tokens).toEqual(["access-2", "access-2", "access-2"]);
    expect(used).toHaveLength(1);
  });
  it("renews once where the browser has no locks: on plain http", async () => {
    const { open, next, used } = world();
    const tab = open({ locks: undefined });
    tab.begin(next(0));
    expect(await Promise.all([tab.accessToken(), tab.accessToken()])).toEqual(["access-2", "access-2"]);
    expect(used).toHaveLength(1);
  });
  it("renews if the browser refuses locks: with site data blocked", async () => {
    const { open, next, used } = world();
    const denied = new DOMException("The request was denied.", "SecurityError");
    const tab = open({ locks: { request: () => Promise.reject(denied) } });
    tab.begin(next(0));
    expect(await Promise.all([tab.accessToken(), tab.accessToken()])).toEqual(["access-2", "access-2"]);
    expect(used).toHaveLength(1);
  });
  it("never uses a refresh token twice over two tabs", async () => {
    const { open, next, used } = world();
    const one = open();
    one.begin(next(0));
    const two = open();
    await Promise.all([one.accessToken(), two.accessToken()]);
    expect(new Set(used).size).toBe(used.length);
    expect(two.user()).toEqual(user);
  });
  it("survives a reload, and no token is where a script could read it", async () => {
    const { open, next, storage } = world();
    open().begin(next());
    expect(JSON.parse(storage.getItem("douya.session")!)).toEqual({ user });
    const reloaded = open();
    expect(reloaded.user()).toEqual(user);
    expect(await reloaded.accessToken()).toBe("access-2");
  });
  it("moves an old refresh token into the cookie, once", async () => {
    const { open, next, storage, used } = world();
    next();
    storage.setItem("douya.session", JSON.stringify({ user, refreshToken: "refresh-1" }));
    const [one, two] = [open(), open()];
    expect(await Promise.all([one.accessToken(), two.accessToken()])).toEqual(["access-2", "access-3"]);
    expect(used).toEqual(["refresh-1", "refresh-2"]);
    expect(JSON.parse(storage.getItem("douya.session")!)).toEqual({ user });
  });
  it("lives in memory where the browser keeps no cookies, and leaves nothing behind", async () => {
    const { open, next, storage, used } = world({ cookies: false });
    const tab = open();
    tab.begin(next(0));
    expect(await tab.accessToken()).toBe("access-2");
    expect(await tab.renew("access-2")).toBe("access-3");
    expect(used).toEqual(["refresh-1", "refresh-2"]);
    expect(tab.user()).toEqual(user);
    expect(storage.getItem("douya.session")).toBeNull();
    expect(open().user()).toBeNull();
    tab.end("left");
    expect(await tab.accessToken()).toBeNull();
  });
  it("ends when the server refuses, and says so once", async () => {
    const { open, next, drop } = world();
    const tab = open();
    let ended = 0;
    tab.onEnded(() => ended++);
    tab.begin(next(0));
    drop();
    expect(await tab.accessToken()).toBeNull();
    expect(await tab.accessToken()).toBeNull();
    expect(tab.user()).toBeNull();
    expect(ended).toBe(1);
  });
  it("stays when the network fails", async () => {
    const { open, next } = world();
    const tab = open({ refresh: () => Promise.reject(new Problem(0)) });
    tab.begin(next(0));
    await expect(tab.accessToken()).rejects.toMatchObject({ reason: "NETWORK" });
    expect(tab.user()).toEqual(user);
  });
  it("treats damaged storage as a guest's", () => {
    const { open, storage } = world();
    storage.setItem("douya.session", "{");
    expect(open().user()).toBeNull();
  });
});
