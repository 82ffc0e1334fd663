import { createContext, type ReactNode, use, useSyncExternalStore } from "react";
import type { Outbox } from "../messages/outbox.ts";
import type { PictureOutbox } from "../messages/picture-outbox.ts";
import type { PictureUploadStore } from "../pictures/picture-upload-store.ts";
import type { Reporter } from "../playback/reporter.ts";
import type { Realtime } from "../realtime/start.ts";
import type { Preferences } from "../settings/preferences.ts";
import type { Drafts } from "../social/drafts.ts";
import type { UploadStore } from "../upload/upload-store.ts";
import type { Api } from "./client.ts";
import type { SessionStore } from "./session.ts";
import type { User } from "./types.ts";

/** What the pages need from outside; created once in main.tsx. */
export interface Services {
  api: Api;
  /** For bodies that the typed client does not support: raw files. */
  sendRaw: (request: Request) => Promise<Response>;
  session: SessionStore;
  preferences: Preferences;
  uploads: UploadStore;
  pictureUploads: PictureUploadStore;
  drafts: Drafts;
  realtime: Realtime;
  outbox: Outbox;
  pictureOutbox: PictureOutbox;
  reporter: Reporter;
}

const Context = createContext<Services | null>(null);

export function ServicesProvider({ value, children }: { value: Services; children: ReactNode }) {
  return <Context value={value}>{children}</Context>;
}

export function useServices(): Services {
  const services = use(Context);
  if (!services) throw new Error("useServices outside of ServicesProvider");
  return services;
}

export function useUser(): User | null {
  const { session } = useServices();
  return useSyncExternalStore(session.subscribe, session.user);
}
