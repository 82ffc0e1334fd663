import { type MouseEvent, type PointerEvent, type SyntheticEvent, useRef } from "react";

/** For a modal dialog: Escape closes it, and so does a click that begins and ends on its backdrop. */
export function useDismissal(onClose: () => void) {
  const pressed = useRef(false);
  return {
    onCancel(event: SyntheticEvent<HTMLDialogElement>) {
      // A file chooser that is closed tells so too, and its event comes by here.
      if (event.target !== event.currentTarget) return;
      event.preventDefault();
      onClose();
    },
    // Text that is selected with the mouse may end beside the dialog.
    onPointerDown(event: PointerEvent<HTMLDialogElement>) {
      pressed.current = event.target === event.currentTarget;
    },
    onClick(event: MouseEvent<HTMLDialogElement>) {
      if (event.target === event.currentTarget && pressed.current) onClose();
    },
  };
}
