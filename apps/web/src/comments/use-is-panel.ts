import { useLayoutEffect, useState } from "react";
import { useMedia } from "../ui/use-media.ts";

const dialogInside = () => document.querySelector(".drawer dialog[open]");

/**
 * Whether the comments stand beside the film. Turning a tablet changes it, and makes everything in the drawer anew: a
 * dialog that is open in it, with what was written there, is let be until it is closed.
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
