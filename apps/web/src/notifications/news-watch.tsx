import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useServices, useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { unreadQuery } from "../messages/message-queries.ts";
import { usePreferences } from "../settings/use-preferences.ts";
import { playNews } from "./play-news.ts";

/** Says politely how much has become new, with a short sound. */
export function NewsWatch() {
  const { t } = useI18n();
  const { api } = useServices();
  const { newsSound } = usePreferences();
  const me = useUser()?.id;
  const { data } = useQuery({ ...unreadQuery(api), enabled: me !== undefined });
  const before = useRef<{ me: string | undefined; messages: number; notifications: number }>(undefined);
  const [said, setSaid] = useState("");
  const [, navigate] = useLocation();

  useEffect(() => {
    const { current: last } = before;
    before.current = data && { me, ...data };
    if (!data || !last || last.me !== me) return;
    const news = [
      { count: data.notifications - last.notifications, say: t.newNotifications },
      { count: data.messages - last.messages, say: t.newMessages },
    ].filter(({ count }) => count > 0);
    if (news.length === 0) return;
    setSaid(news.map(({ count, say }) => say(count)).join(" · "));
    if (newsSound) playNews();
  }, [data, me, newsSound, t]);

  // The worker that shows what is pushed says what was tapped.
  useEffect(() => {
    const { serviceWorker } = navigator;
    const open = ({ data }: MessageEvent) => typeof data?.open === "string" && navigate(data.open);
    serviceWorker?.addEventListener("message", open);
    return () => serviceWorker?.removeEventListener("message", open);
  }, [navigate]);

  useEffect(() => {
    if (me === undefined) return;
    const push = import("./push-device.ts");
    push.then(({ keepPush }) => keepPush(api)).catch(() => {});
    return () => void push.then(({ dropPush }) => dropPush()).catch(() => {});
  }, [api, me]);

  return (
    <div role="status" className="unseen">
      {said}
    </div>
  );
}
