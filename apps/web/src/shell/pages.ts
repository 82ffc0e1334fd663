import { type ComponentType, lazy } from "react";

const loads: (() => Promise<unknown>)[] = [];

/** The code of a page could not be loaded: the network or the server is down, or there is a newer build. */
export class PageMissing extends Error {}

function page<Props>(load: () => Promise<{ default: ComponentType<Props> }>) {
  loads.push(load);
  return lazy(() =>
    load().catch((cause) => {
      throw new PageMissing("A page could not be loaded.", { cause });
    }),
  );
}

// Code that is not needed for watching.
export const LoginPage = page(() => import("../account/login-page.tsx"));
export const RegisterPage = page(() => import("../account/register-page.tsx"));
export const UploadPage = page(() => import("../upload/upload-page.tsx"));
export const MePage = page(() => import("../profile/me-page.tsx"));
export const UserPage = page(() => import("../profile/user-page.tsx"));
export const PeoplePage = page(() => import("../people/people-page.tsx"));
export const HotPage = page(() => import("../rankings/hot-page.tsx"));
export const HistoryPage = page(() => import("../history/history-page.tsx"));
export const FiguresPage = page(() => import("../figures/figures-page.tsx"));
export const MessagesPage = page(() => import("../messages/messages-page.tsx"));
export const JoinPage = page(() => import("../groups/join-page.tsx"));
export const NotificationsPage = page(() => import("../notifications/notifications-page.tsx"));
export const ModerationPage = page(() => import("../moderation/moderation-page.tsx"));
export const DecisionsPage = page(() => import("../moderation/decisions-page.tsx"));
export const SharedPage = page(() => import("../video/shared-page.tsx"));
export const SettingsPage = page(() => import("../settings/settings-page.tsx"));

/** Preloads every page, so that it opens at once and while the server is down. */
export const loadPages = () => Promise.allSettled(loads.map((load) => load()));
