import { useLayoutEffect, useState } from "react";
import { useMedia } from "../ui/use-media.ts";

const dialogInside = () => document.querySelector(".drawer dialog[open]");

/**
 * Whether the comments are a panel at the side of the video. Rotating a tablet changes it, which recreates everything
 * in the drawer. So while a dialog with somebody's text is open in it, the change waits until that is closed.
 */
export function useIsPanel(): boolean {
  const hasRoom = useMedia("(min-width: 900px)");
  const [isPanel, setIsPanel] = useState(hasRoom);
  useLayoutEffect(() => {
    const drawer = document.querySelector(".drawer");
    const follow = () => {
      if (!dialogInside()) setIsPanel(hasRoom);
    };
    follow();
    const changes = new MutationObserver(follow);
    if (drawer && dialogInside()) changes.observe(drawer, { childList: true, subtree: true });
    return () => changes.disconnect();
  }, [hasRoom]);
  return isPanel;
}
