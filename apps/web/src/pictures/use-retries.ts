import { useCallback, useEffect, useState } from "react";

const AGAIN_MS = 2000;
const MAX_DOUBLINGS = 4;

/** Loads again what could not be loaded, less and less often: a server or a network that was down comes back. */
export function useRetries(wanted: boolean) {
  const [failed, setFailed] = useState(false);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!wanted || !failed) return;
    const again = () => {
      setTries((now) => now + 1);
      setFailed(false);
    };
    // Not everybody comes back in the moment in which a server does.
    const usualMs = AGAIN_MS * 2 ** Math.min(tries, MAX_DOUBLINGS);
    const timer = setTimeout(again, usualMs * (1 + Math.random() / 2));
    addEventListener("online", again);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", again);
    };
  }, [wanted, failed, tries]);
  const onError = useCallback(() => setFailed(true), []);
  return { failed, tries, onError };
}
