import { type ReactNode, useRef } from "react";
import { useLocation } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";
import { MemberActs } from "../social/as-member.tsx";
import { Navigation } from "./navigation.tsx";
import { usePageStart } from "./use-page-start.ts";
import { useThemeColor } from "./use-theme-color.ts";
import "./layout.css";

/** The frame around every page: a skip link, the navigation, the page. */
export function Layout({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const [path] = useLocation();
  const main = useRef<HTMLElement>(null);
  usePageStart(path, main);
  useThemeColor(path, main);
  return (
    <MemberActs>
      <a className="skip" href="#main">
        {t.skipToContent}
      </a>
      <Navigation />
      <main
        id="main"
        className="main"
        ref={main}
        tabIndex={-1}
        data-video={path === "/" || path.startsWith("/video/")}
      >
        {children}
      </main>
    </MemberActs>
  );
}
