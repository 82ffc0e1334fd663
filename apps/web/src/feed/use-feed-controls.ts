import { type RefObject, useEffect } from "react";
import { isForVideos, isInDrawer, letterOf } from "../video/for-videos.ts";
import { wheelAtRest, wheelStep } from "./wheel-step.ts";

interface Controls {
  move: (by: number) => void;
  toggle: () => void;
  toggleSound: () => void;
  /** Whether letters control the video too. */
  letterKeys: boolean;
}

const MOVES: Record<string, number> = { ArrowDown: 1, PageDown: 1, ArrowUp: -1, PageUp: -1 };
const LETTER_MOVES: Record<string, number> = { j: 1, k: -1 };
const LINE_PX = 16;

/**
 * Handles keys anywhere on the page and the wheel over the feed. The focus stays with the video in view: on a button
 * of another slide, or on a clicked button, the space bar would press it instead of pausing.
 */
export function useFeedControls(scroller: RefObject<HTMLElement | null>, controls: Controls) {
  const { move, toggle, toggleSound, letterKeys } = controls;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      // Arrow keys scroll the panel that has the focus.
      if (!isForVideos(event) || isInDrawer(event.target)) return;
      const letter = letterKeys ? letterOf(event) : undefined;
      const by = MOVES[event.key] ?? (letter && LETTER_MOVES[letter]);
      const onControl = event.target instanceof Element && event.target.closest("button, a") !== null;
      if (by) move(by);
      else if (letter === "m") toggleSound();
      else if (event.key === " " && !onControl) event.repeat || toggle();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [move, toggle, toggleSound, letterKeys]);

  useEffect(() => {
    const box = scroller.current;
    const onClick = ({ target, detail }: MouseEvent) => {
      // 0 is a click by a key; its next key belongs to the same button.
      if (detail > 0 && target instanceof Element) target.closest("button")?.blur();
    };
    box?.addEventListener("click", onClick);
    return () => box?.removeEventListener("click", onClick);
  }, [scroller]);

  useEffect(() => {
    const box = scroller.current;
    let state = wheelAtRest;
    const onWheel = (event: WheelEvent) => {
      if (event.ctrlKey || (event.target instanceof Element && event.target.closest("[data-open=true]")))
        return;
      // Pictures of a post are side by side.
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
      event.preventDefault();
      const deltaPx = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * LINE_PX;
      const [next, step] = wheelStep(state, deltaPx, event.timeStamp);
      state = next;
      if (step) move(step);
    };
    box?.addEventListener("wheel", onWheel, { passive: false });
    return () => box?.removeEventListener("wheel", onWheel);
  }, [scroller, move]);
}
