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

/** Whether keys typed there become text, even if the field is read-only now. */
function takesText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !NO_TEXT.has(target.type);
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLElement && (target.isContentEditable || target.role === "textbox");
}

const dialogs = "dialog[open], [role=dialog], [role=alertdialog]";

/** Whether a key belongs to the browser or an input method. */
const isTaken = (event: KeyboardEvent): boolean =>
  event.defaultPrevented ||
  event.altKey ||
  event.ctrlKey ||
  event.metaKey ||
  event.isComposing ||
  event.getModifierState("AltGraph");

/** Whether a key is for the videos: not for a text field, a dialog or the browser. */
export function isForVideos(event: KeyboardEvent): boolean {
  if (isTaken(event)) return false;
  if (isDrawerComing()) return false;
  return !takesText(event.target) && !takesText(document.activeElement) && !document.querySelector(dialogs);
}

export const isInDrawer = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest(".drawer") !== null;

/** The letter that was pressed for the videos, in lower case; undefined for other keys and repeats. */
export function letterOf(event: KeyboardEvent): string | undefined {
  if (event.repeat || event.shiftKey || event.key.length !== 1 || !isForVideos(event)) return undefined;
  return event.key.toLowerCase();
}

/** The text after a key is pressed at its end; undefined for a key that writes nothing. */
export function typed(text: string, event: KeyboardEvent): string | undefined {
  if (isTaken(event)) return undefined;
  if (event.key === "Backspace") return [...text].slice(0, -1).join("");
  return [...event.key].length === 1 ? text + event.key : undefined;
}
