import { type ReactNode, useEffect, useSyncExternalStore } from "react";
import { Link, useLocation } from "wouter";
import { useServices, useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { UnreadMark } from "../messages/unread-mark.tsx";
import { useUnread } from "../messages/use-unread.ts";
import { isSendingPictures } from "../pictures/picture-upload-store.ts";
import { usePictureNews } from "../pictures/use-picture-news.ts";
import { Avatar } from "../ui/avatar.tsx";
import {
  BellFilledIcon,
  BellIcon,
  FlameFilledIcon,
  FlameIcon,
  HistoryIcon,
  HomeFilledIcon,
  HomeIcon,
  MessageFilledIcon,
  MessageIcon,
  PersonFilledIcon,
  PersonIcon,
  PlusIcon,
  SettingsIcon,
} from "../ui/icons.tsx";
import { Logo } from "../ui/logo.tsx";
import { useUploadNews } from "../upload/use-upload-news.ts";
import { KeyHints } from "./key-hints.tsx";
import { useReloadFeed } from "./use-reload-feed.ts";
import "./navigation.css";

/** One navigation: a bar at the bottom on a phone, a column at the left on a desktop. */
export function Navigation() {
  const { t } = useI18n();
  const user = useUser();
  const [path] = useLocation();
  const reload = useReloadFeed();
  return (
    <header className="nav" data-over-video={path === "/" || path.startsWith("/video/")}>
      <Link href="/" className="nav-brand" aria-label={t.appName}>
        <Logo size={34} />
        <span aria-hidden="true">{t.appName}</span>
      </Link>
      <nav aria-label={t.mainNavigation}>
        <Item
          href="/"
          text={t.home}
          on={<HomeFilledIcon />}
          off={<HomeIcon />}
          onClick={path === "/" ? reload : undefined}
        />
        <Item href="/hot" text={t.hot} on={<FlameFilledIcon />} off={<FlameIcon />} />
        <Link href="/upload" className="nav-item nav-upload" aria-current={path === "/upload" && "page"}>
          <span className="nav-plus">
            <PlusIcon size={22} />
            <UploadMark />
          </span>
          <span className="nav-text">{t.upload}</span>
        </Link>
        <NewsItems />
        <Item
          href="/me"
          text={user ? t.me : t.logIn}
          on={user ? <Avatar user={user} size={26} /> : <PersonFilledIcon />}
          off={user ? <Avatar user={user} size={26} /> : <PersonIcon />}
        />
        {user && (
          <Item
            href="/history"
            text={t.history}
            on={<HistoryIcon />}
            off={<HistoryIcon />}
            className="nav-desk"
          />
        )}
        <Item
          href="/settings"
          text={t.settings}
          on={<SettingsIcon />}
          off={<SettingsIcon />}
          className="nav-desk"
        />
      </nav>
      <KeyHints className="key-hints nav-keys" />
    </header>
  );
}

/** Pages with a number of what is new. */
function NewsItems() {
  const { t } = useI18n();
  const unread = useUnread();
  const marked = (icon: ReactNode, count: number) => (
    <span className="nav-marked">
      {icon}
      <UnreadMark count={count} />
    </span>
  );
  return (
    <>
      <Item
        href="/notifications"
        text={t.notificationsShort}
        on={marked(<BellFilledIcon />, unread.notifications)}
        off={marked(<BellIcon />, unread.notifications)}
      />
      <Item
        href="/messages"
        text={t.messages}
        on={marked(<MessageFilledIcon />, unread.messages)}
        off={marked(<MessageIcon />, unread.messages)}
      />
    </>
  );
}

/** The progress of an upload that continues on other pages. Closing the window would end it. */
function UploadMark() {
  const { uploads, pictureUploads } = useServices();
  const upload = useSyncExternalStore(uploads.subscribe, uploads.get);
  useUploadNews(upload);
  const pictures = useSyncExternalStore(pictureUploads.subscribe, pictureUploads.get);
  usePictureNews(pictures);
  const { step, file, sentBytes } = upload;
  const sending = step === "sending";
  const leaving = sending || isSendingPictures(pictures);
  useEffect(() => {
    if (!leaving) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [leaving]);
  if (!sending || !file) return null;
  return <i className="nav-sent" style={{ width: `${(sentBytes / Math.max(1, file.size)) * 100}%` }} />;
}

interface ItemProps {
  href: string;
  text: string;
  on: ReactNode;
  off: ReactNode;
  className?: string;
  onClick?: (() => void) | undefined;
}

function Item({ href, text, on, off, className = "", onClick }: ItemProps) {
  const [path] = useLocation();
  const current = path === href || (href === "/messages" && path.startsWith("/messages/"));
  return (
    <Link
      href={href}
      className={`nav-item ${className}`}
      aria-current={current && "page"}
      {...(onClick && { onClick })}
    >
      {current ? on : off}
      <span className="nav-text">{text}</span>
    </Link>
  );
}
