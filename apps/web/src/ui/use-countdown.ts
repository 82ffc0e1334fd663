import { useEffect, useState } from "react";

/** Milliseconds left until `untilMs` (epoch), updated each second; 0 when it has passed. */
export function useCountdown(untilMs: number): number {
  const [leftMs, setLeftMs] = useState(() => Math.max(0, untilMs - Date.now()));
  useEffect(() => {
    const tick = () => {
      const left = Math.max(0, untilMs - Date.now());
      setLeftMs(left);
      if (left === 0) clearInterval(timer);
    };
    const timer = setInterval(tick, 1000);
    tick();
    return () => clearInterval(timer);
  }, [untilMs]);
  return leftMs;
}
