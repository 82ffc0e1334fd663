import { useEffect, useState } from "react";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { UndoIcon } from "../ui/icons.tsx";
import "./goes-on.css";

/** Long enough to read, decide and reach it. */
const SHOWN_MS = 6_000;

interface Props {
  atMs: number;
  element: HTMLVideoElement | null;
  playing: boolean;
}

/**
 * Says for some seconds, from when it plays, that a film goes on where it was left, and lets one see it from its start.
 * Before it plays it does not know its places.
 */
export function GoesOn({ atMs, element, playing }: Props) {
  const { t } = useI18n();
  const [state, setState] = useState<"early" | "shown" | "gone">("early");
  if (playing && state === "early") setState("shown");
  useEffect(() => {
    if (state !== "shown") return;
    const timer = setTimeout(() => setState("gone"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  if (state !== "shown" || !element) return null;
  return (
    <button
      type="button"
      className="goes-on"
      onClick={() => {
        element.currentTime = 0;
        setState("gone");
      }}
    >
      <UndoIcon size={18} />
      <span>{t.goesOnAt(clock(atMs / 1000))}</span>
      <strong>{t.fromTheStart}</strong>
    </button>
  );
}
