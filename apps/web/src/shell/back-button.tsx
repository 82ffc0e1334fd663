import { useLocation } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";
import { BackIcon } from "../ui/icons.tsx";
import type { Entry } from "./history.ts";

/** Back to where one came from; to the feed when the page was opened by its link. */
export function BackButton({ overlay = false }: { overlay?: boolean }) {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const back = () => ((history.state as Entry | null)?.within ? history.back() : navigate("/"));
  return (
    <button
      type="button"
      className={overlay ? "icon-button back-overlay" : "icon-button"}
      aria-label={t.back}
      onClick={back}
    >
      <BackIcon />
    </button>
  );
}
