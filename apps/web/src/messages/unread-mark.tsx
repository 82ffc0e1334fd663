import { useI18n } from "../i18n/i18n.tsx";
import "./unread-mark.css";

const MOST = 99;

/** The number of unread messages; nothing if there are none. */
export function UnreadMark({ count, quiet = false }: { count: number; quiet?: boolean }) {
  const { t, format } = useI18n();
  if (count <= 0) return null;
  return (
    <span className="unread" data-quiet={quiet}>
      <span aria-hidden="true">{count > MOST ? `${MOST}+` : count}</span>
      <span className="unseen">{t.unread(format.number(count))}</span>
    </span>
  );
}
