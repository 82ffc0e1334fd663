import { useEffect, useReducer } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { usePresence, useWriting } from "../realtime/use-live.ts";
import "./presence.css";

const MINUTE_MS = 60_000;

/** Whether somebody is writing, is here, or when they were; `otherwise` where nothing of it is known. */
export function PresenceLine({ userId, otherwise }: { userId: string; otherwise: string | null }) {
  const { t, format } = useI18n();
  const presence = usePresence(userId);
  const writing = useWriting(userId);
  // What was "1 minute ago" is 2 later.
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(again, MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  if (writing) return <small className="writing">{t.writing}</small>;
  if (presence?.online) return <small className="here">{t.online}</small>;
  if (presence?.lastSeenAt) return <small>{t.lastSeen(format.ago(presence.lastSeenAt))}</small>;
  return otherwise && <small>{otherwise}</small>;
}
