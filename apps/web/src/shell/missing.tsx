import { useEffect, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { Notice } from "../ui/notice.tsx";

const AGAIN_MS = 5000;
const LOOK_MS = 4000;

/**
 * Shown if the code of a page could not be loaded. Reloading helps, but not while the server is down: that would show
 * the browser's own error page. It reloads by itself only after the server was down, so that it cannot loop.
 */
export function Missing() {
  const { t } = useI18n();
  const [gone, setGone] = useState(false);
  useEffect(() => {
    let left = false;
    const look = async () => {
      const there = await isThere();
      if (left) return;
      setGone(!there);
      if (there && gone) location.reload();
    };
    if (!gone) void look();
    const timer = gone ? setInterval(look, AGAIN_MS) : undefined;
    return () => {
      left = true;
      clearInterval(timer);
    };
  }, [gone]);
  const again = async () => {
    if (await isThere()) location.reload();
    else setGone(true);
  };
  return (
    <Notice level={1} title={t.missingTitle} body={gone ? t.reasons.NETWORK : t.missingBody}>
      <button type="button" className="button button-primary" onClick={() => void again()}>
        {gone ? t.retry : t.reload}
      </button>
    </Notice>
  );
}

const isThere = () =>
  fetch("/", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(LOOK_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
