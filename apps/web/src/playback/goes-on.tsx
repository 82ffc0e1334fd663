import { useEffect, useState } from "react";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { UndoIcon } from "../ui/icons.tsx";
import "./goes-on.css";

/** Long enough to read, decide and reach it. */
const SHOWN_MS = 6_000;

/** Says for some seconds that a film goes on where it was left, and lets one see it from its start. */
export function GoesOn({ atMs, element }: { atMs: number; element: HTMLVideoElement }) {
  const { t } = useI18n();
  const [shown, setShown] = useState(true);
  useEffect(() => {
    const timer = setTimeout(() => setShown(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) return null;
  return (
    <button
      type="button"
      className="goes-on"
      onClick={() => {
        element.currentTime = 0;
        setShown(false);
      }}
    >
      <UndoIcon size={18} />
      <span>{t.goesOnAt(clock(atMs / 1000))}</span>
      <strong>{t.fromTheStart}</strong>
    </button>
  );
}
