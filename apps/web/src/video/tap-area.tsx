import { type MouseEvent, useRef } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { PlayIcon } from "../ui/icons.tsx";
import { useHearts } from "./hearts.tsx";
import { nextTap, type Tap } from "./tap.ts";

interface Props {
  active: boolean;
  paused: boolean;
  onToggle: () => void;
  onLike: () => void;
}

/**
 * The picture itself: one tap pauses, two like. The first tap acts at once and the second undoes it, since waiting
 * for a second one would delay every pause. A double tap never withdraws a like.
 */
export function TapArea({ active, paused, onToggle, onLike }: Props) {
  const { t } = useI18n();
  const last = useRef<Tap | null>(null);
  const [hearts, addHeart] = useHearts();

  function onClick(event: MouseEvent<HTMLElement>) {
    const { currentTarget, detail, timeStamp, clientX, clientY } = event;
    if (!active) return currentTarget.scrollIntoView();
    // A key or a screen reader has no position and presses once.
    if (detail === 0) return onToggle();
    const tap = nextTap(last.current, timeStamp, clientX, clientY);
    last.current = tap;
    if (tap.count <= 2) onToggle();
    if (tap.count === 1) return;
    onLike();
    addHeart(event, tap.count);
  }
  return (
    <>
      <button
        type="button"
        className="stage-tap"
        aria-label={active && !paused ? t.pause : t.play}
        tabIndex={active ? 0 : -1}
        onClick={onClick}
      >
        {active && paused && <PlayIcon size={84} />}
      </button>
      {hearts}
    </>
  );
}
