import { useEffect } from "react";

/**
 * What pauses from outside of the page: the window that floats, the keys of a keyboard or of headphones, a locked screen.
 * Without this the browser would pause the film, and the page would go on as if it played.
 */
export function useMediaKeys(pause: (paused: boolean) => void): void {
  useEffect(() => {
    const session = "mediaSession" in navigator ? navigator.mediaSession : undefined;
    session?.setActionHandler("pause", () => pause(true));
    session?.setActionHandler("play", () => pause(false));
    return () => {
      session?.setActionHandler("pause", null);
      session?.setActionHandler("play", null);
    };
  }, [pause]);
}
