import { type MouseEvent, type ReactNode, useState } from "react";
import { HeartIcon } from "../ui/icons.tsx";

const HEART_MS = 900;

interface Heart {
  key: number;
  left: number;
  top: number;
  tilt: number;
}

/** Hearts that rise where a double tap was. */
export function useHearts(): [hearts: ReactNode, add: (at: MouseEvent<HTMLElement>, count: number) => void] {
  const [hearts, setHearts] = useState<readonly Heart[]>([]);
  function add({ currentTarget, timeStamp, clientX, clientY }: MouseEvent<HTMLElement>, count: number) {
    const box = currentTarget.getBoundingClientRect();
    const heart = {
      key: timeStamp,
      left: clientX - box.left,
      top: clientY - box.top,
      tilt: ((count * 17) % 40) - 20,
    };
    setHearts((now) => [...now, heart]);
    setTimeout(() => setHearts((now) => now.filter((one) => one !== heart)), HEART_MS);
  }
  const shown = hearts.map(({ key, left, top, tilt }) => (
    <span key={key} className="stage-heart" style={{ left, top, rotate: `${tilt}deg` }}>
      <HeartIcon size={96} />
    </span>
  ));
  return [shown, add];
}
