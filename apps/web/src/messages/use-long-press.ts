import { type PointerEvent, useEffect, useRef } from "react";

/** As phones have it: a shorter one is a tap. */
const LONG_MS = 500;
/** A finger is never quite still. */
const STILL_PX = 10;

/** What a finger does that stays on a thing: not every phone calls it a context menu. */
export function useLongPress(act: () => void) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const from = useRef({ x: 0, y: 0 });
  const stop = () => clearTimeout(timer.current);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    onPointerDown({ pointerType, clientX, clientY }: PointerEvent) {
      stop();
      if (pointerType !== "touch") return;
      from.current = { x: clientX, y: clientY };
      timer.current = setTimeout(act, LONG_MS);
    },
    onPointerMove({ clientX, clientY }: PointerEvent) {
      const { x, y } = from.current;
      if (Math.hypot(clientX - x, clientY - y) > STILL_PX) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}
