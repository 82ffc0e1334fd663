import { type MouseEvent, useRef, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { HeartIcon, PlayIcon } from "../ui/icons.tsx";
import { nextTap, type Tap } from "./tap.ts";

const HEART_MS = 900;

interface Props {
  active: boolean;
  paused: boolean;
  onToggle: () => void;
  onLike: () => void;
}

interface Heart {
  key: number;
  left: number;
  top: number;
  tilt: number;
}

/**
 * The picture itself: one tap pauses, two like. The first tap acts at once and the second undoes it, since waiting
 * for a second one would delay every pause. A double tap never withdraws a like.
 */
export function TapArea({ active, paused, onToggle, onLike }: Props) {
  const { t } = useI18n();
  const last = useRef<Tap | null>(null);
  const [hearts, setHearts] = useState<readonly Heart[]>([]);

  function onClick({ currentTarget, detail, timeStamp, clientX, clientY }: MouseEvent<HTMLElement>) {
    if (!active) return currentTarget.scrollIntoView();
    // A key or a screen reader has no position and presses once.
    if (detail === 0) return onToggle();
    const tap = nextTap(last.current, timeStamp, clientX, clientY);
    last.current = tap;
    if (tap.count <= 2) onToggle();
    if (tap.count === 1) return;
    onLike();
    const box = currentTarget.getBoundingClientRect();
    const heart = {
      key: timeStamp,
      left: clientX - box.left,
      top: clientY - box.top,
      tilt: ((tap.count * 17) % 40) - 20,
    };
    setHearts((now) => [...now, heart]);
    setTimeout(() => setHearts((now) => now.filter((one) => one !== heart)), HEART_MS);
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
      {hearts.map(({ key, left, top, tilt }) => (
        <span key={key} className="stage-heart" style={{ left, top, rotate: `${tilt}deg` }}>
          <HeartIcon size={96} />
        </span>
      ))}
    </>
  );
}
