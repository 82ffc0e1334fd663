import { useEffect } from "react";
import { usePreferences } from "../settings/use-preferences.ts";
import { letterOf } from "../video/for-videos.ts";

interface Keys {
  next: () => void;
  last: () => void;
  dismiss: () => void;
  takeDown: () => void;
}

/** Letters for who does this all day: J and K go through the queue, D and T decide about what is open. */
export function useQueueKeys({ next, last, dismiss, takeDown }: Keys, active: boolean) {
  const { letterKeys } = usePreferences();
  useEffect(() => {
    if (!active || !letterKeys) return;
    const acts: Record<string, () => void> = { j: next, k: last, d: dismiss, t: takeDown };
    const onKey = (event: KeyboardEvent) => {
      const act = acts[letterOf(event) ?? ""];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
