import { type ReactNode, useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";
import { Navigation } from "./navigation.tsx";
import "./layout.css";

/** The frame around every page: a way past the navigation, the navigation, the page. */
export function Layout({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const [path] = useLocation();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new path is a new page.
  useEffect(() => {
    // The first page keeps the browser's own focus; later ones start at their top, for readers too.
    if (!first.current) {
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [path]);
  return (
    <>
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
    </>
  );
}
