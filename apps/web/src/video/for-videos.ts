import { isDrawerComing } from "../comments/use-comments-open.ts";

const NO_TEXT = new Set([
  "range",
  "checkbox",
  "radio",
  "button",
  "submit",
  "reset",
  "file",
  "color",
  "image",
]);

/** Whether what is typed there becomes text, also where nothing may be written just now. */
function takesText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !NO_TEXT.has(target.type);
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLElement && (target.isContentEditable || target.role === "textbox");
}

const dialogs = "dialog[open], [role=dialog], [role=alertdialog]";

/** Whether a key is the browser's or an input method's. */
const isTaken = (event: KeyboardEvent): boolean =>
  event.defaultPrevented ||
  event.altKey ||
  event.ctrlKey ||
  event.metaKey ||
  event.isComposing ||
  event.getModifierState("AltGraph");

/** Whether a key is for the videos: not for a text or one that is about to be written, a dialog or the browser. */
export function isForVideos(event: KeyboardEvent): boolean {
  if (isTaken(event)) return false;
  if (isDrawerComing()) return false;
  return !takesText(event.target) && !takesText(document.activeElement) && !document.querySelector(dialogs);
}

export const isInDrawer = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest(".drawer") !== null;

/** The letter that was pressed for the videos, in lower case; undefined for other keys and for one held down. */
export function letterOf(event: KeyboardEvent): string | undefined {
  if (event.repeat || event.shiftKey || event.key.length !== 1 || !isForVideos(event)) return undefined;
  return event.key.toLowerCase();
}

/** What a text becomes by a key that is pressed at its end; undefined for one that writes nothing. */
export function typed(text: string, event: KeyboardEvent): string | undefined {
  if (isTaken(event)) return undefined;
  if (event.key === "Backspace") return [...text].slice(0, -1).join("");
  return [...event.key].length === 1 ? text + event.key : undefined;
}
