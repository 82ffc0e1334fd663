import { useLocation } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";
import { BackIcon } from "../ui/icons.tsx";
import type { Entry } from "./history.ts";

interface Props {
  /** Over a video. */
  overlay?: boolean;
  /** The target if the page was opened by its link. */
  otherwise?: string;
}

/** Goes back to the page before. */
export function BackButton({ overlay = false, otherwise = "/" }: Props) {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const back = () => ((history.state as Entry | null)?.within ? history.back() : navigate(otherwise));
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
