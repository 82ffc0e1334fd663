import { createListeners } from "../api/listeners.ts";

/** The feed to show: everybody's videos, or those of followed people. */
export type FeedTab = "public" | "following";

export interface PreferenceValues {
  language: "auto" | "en" | "zh";
  theme: "system" | "light" | "dark";
  /** Null until the person has chosen: it is off then, since browsers do not start a page with sound. */
  sound: boolean | null;
  feedTab: FeedTab;
  /** Whether letters control the video in view; off for speech input and accidental keys. */
  letterKeys: boolean;
  /** The short side of the picture. */
  quality: "auto" | number;
  /** Small pictures, and nothing ahead; the browser's own setting does the same. */
  dataSaver: boolean;
  speed: number;
  /** A short sound for a new message or notification, and their number in the title of the tab. */
  newsSound: boolean;
  newsTitle: boolean;
}
export interface Preferences {
  get(): PreferenceValues;
  set(change: Partial<PreferenceValues>): void;
  subscribe(listener: () => void): () => void;
}

const KEY = "douya.preferences";
const DEFAULTS: PreferenceValues = {
  language: "auto",
  theme: "system",
  sound: null,
  feedTab: "public",
  letterKeys: true,
  quality: "auto",
  dataSaver: false,
  speed: 1,
  newsSound: true,
  newsTitle: true,
};

/** Preferences of this browser; not tied to an account. */
export function createPreferences(storage: Pick<Storage, "getItem" | "setItem">): Preferences {
  let values = { ...DEFAULTS, ...read(storage) };
  const changes = createListeners();
  /** What another tab may have changed meanwhile; what plays in this one, and whether it is heard, stays its own. */
  const ofAllTabs = () => {
    const { feedTab: _tab, sound: _sound, ...others } = read(storage);
    return others;
  };
  if (typeof window !== "undefined")
    window.addEventListener("storage", ({ key }) => {
      if (key !== KEY && key !== null) return;
      values = { ...values, ...ofAllTabs() };
      changes.call();
    });
  return {
    get: () => values,
    set(change) {
      values = { ...values, ...ofAllTabs(), ...change };
      storage.setItem(KEY, JSON.stringify(values));
      changes.call();
    },
    subscribe: changes.add,
  };
}

function read(storage: Pick<Storage, "getItem">): Partial<PreferenceValues> {
  try {
    return JSON.parse(storage.getItem(KEY) ?? "{}") as Partial<PreferenceValues>;
  } catch {
    // Damaged by hand: start over.
    return {};
  }
}
