import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useState } from "react";
import { useServices } from "../api/services.tsx";
import { usePreferences } from "../settings/use-preferences.ts";
import { createVideoElement, createVideoPool, type VideoPool } from "./video-pool.ts";

interface Sound {
  /** Whether sound plays now. */
  muted: boolean;
  /** On, but the browser waits for a touch: the next one only turns sound on. */
  blocked: boolean;
  /** Not chosen yet, or the browser waits. */
  offered: boolean;
  toggle: () => void;
  /** The browser refused to play with sound: mute until the person touches the page. */
  refused: () => void;
  pool: VideoPool;
}

const Context = createContext<Sound | null>(null);

/** Sound is one switch for all videos, remembered in this browser. */
export function SoundProvider({ children }: { children: ReactNode }) {
  const { preferences } = useServices();
  const wanted = usePreferences().sound;
  const [blocked, setBlocked] = useState(false);
  const [pool] = useState(() => createVideoPool(createVideoElement));
  const muted = !wanted || blocked;

  const unblock = useCallback(() => {
    pool.unlock();
    setBlocked(false);
  }, [pool]);
  useEffect(() => {
    if (!blocked || !wanted) return;
    addEventListener("click", unblock);
    addEventListener("keydown", unblock);
    return () => {
      removeEventListener("click", unblock);
      removeEventListener("keydown", unblock);
    };
  }, [blocked, wanted, unblock]);

  const sound = useMemo(
    () => ({
      muted,
      blocked: wanted === true && blocked,
      offered: muted && wanted !== false,
      pool,
      refused: () => setBlocked(true),
      toggle() {
        if (muted) unblock();
        preferences.set({ sound: muted });
      },
    }),
    [muted, wanted, blocked, pool, preferences, unblock],
  );
  return <Context value={sound}>{children}</Context>;
}

export function useSound(): Sound {
  const sound = use(Context);
  if (!sound) throw new Error("useSound outside of SoundProvider");
  return sound;
}
