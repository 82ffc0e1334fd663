/**
 * A few <video> elements that are reused. Creating one per slide leaks decoders on phones, and Safari grants sound to
 * an element and not to a page: a touched element keeps that right.
 */
export interface VideoPool {
  /** A free element, or `ready`, which joins the pool. */
  take(ready?: HTMLVideoElement): HTMLVideoElement;
  give(element: HTMLVideoElement): void;
  /** Call inside a click or key handler: lets every element play with sound from now on. */
  unlock(): void;
}

export function createVideoPool(create: () => HTMLVideoElement): VideoPool {
  const free: HTMLVideoElement[] = [];
  const all = new Set<HTMLVideoElement>();
  return {
    take(ready) {
      const element = ready ?? free.pop() ?? create();
      all.add(element);
      return element;
    },
    give(element) {
      element.pause();
      element.removeAttribute("src");
      element.load();
      element.remove();
      free.push(element);
    },
    unlock() {
      for (const element of free) element.load();
      for (const element of all) element.muted = false;
    },
  };
}

export function createVideoElement(): HTMLVideoElement {
  const element = document.createElement("video");
  element.className = "stage-video";
  element.loop = true;
  element.muted = true;
  element.playsInline = true;
  element.disableRemotePlayback = true;
  element.tabIndex = -1;
  return element;
}
