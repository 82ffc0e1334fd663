import { type PointerEvent, type RefObject, useRef } from "react";

const CLOSES_AT_PX = 110;

/** A handle that drags a sheet down; released far enough below, it closes the sheet. */
export function useDragDown(sheet: RefObject<HTMLElement | null>, onClose: () => void) {
  const startY = useRef<number | null>(null);
  const place = (px: number) => {
    if (sheet.current) sheet.current.style.transform = px > 0 ? `translateY(${px}px)` : "";
  };
  function onPointerDown(event: PointerEvent<HTMLElement>) {
    if (event.target instanceof Element && event.target.closest("button")) return;
    startY.current = event.clientY;
    event.currentTarget.setPointerCapture(event.pointerId);
  }
  function onPointerMove(event: PointerEvent) {
    if (startY.current !== null) place(event.clientY - startY.current);
  }
  function end(event: PointerEvent, closes: boolean) {
    if (startY.current === null) return;
    const far = event.clientY - startY.current > CLOSES_AT_PX;
    startY.current = null;
    if (closes && far) onClose();
    else place(0);
  }
  return {
    onPointerDown,
    onPointerMove,
    onPointerUp: (event: PointerEvent) => end(event, true),
    onPointerCancel: (event: PointerEvent) => end(event, false),
  };
}
