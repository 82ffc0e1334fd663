/** A slide this close to its position has arrived: positions may lie between two pixels. */
const ARRIVED = 0.01;

/**
 * Decides which child of a snapping scroller is active. All are as tall as the scroller, so a position is a number of
 * slides from its start. A slide is active from the gesture on, not from its arrival, so that its film plays while it
 * slides in. A programmatic move has a known target, and slides passed on the way do not count. A released finger
 * tells it by the direction, since the browser stops at the next slide. The position is read when it is needed: a
 * late scroll event would undo a key that was pressed meanwhile.
 */
export class ActiveSlide {
  /** The next move counts from here, so that two quick presses are two slides. */
  #active: number;
  /** The target of a programmatic move. */
  #target: number | null = null;
  /** A finger was released, and the browser brings the slide to its position. */
  #released = false;
  /** Undefined as long as the direction is unknown. */
  #lastPlace: number | undefined;
  readonly #box: HTMLElement;
  readonly #onActive: (index: number) => void;

  constructor(box: HTMLElement, start: number, onActive: (index: number) => void) {
    this.#box = box;
    this.#active = start;
    this.#onActive = onActive;
    this.#scrollTo(start, "instant");
  }

  /** Until `signal` is aborted. */
  listen(signal: AbortSignal): void {
    const on = (type: string, run: () => void) =>
      this.#box.addEventListener(type, run, { signal, passive: true });
    on("scroll", () => this.#look());
    on("scrollend", () => this.#rest());
    on("touchstart", () => {
      this.#target = null;
      this.#released = false;
    });
    for (const end of ["touchend", "touchcancel"])
      on(end, () => {
        this.#released = this.#target === null;
        this.#lastPlace = undefined;
      });
  }

  goTo(index: number): void {
    const next = Math.min(Math.max(0, index), this.#box.children.length - 1);
    this.#target = next;
    this.#released = false;
    this.#set(next);
    this.#scrollTo(next);
    this.#look();
  }

  move(by: number): void {
    this.goTo(this.#active + by);
  }

  #set(index: number): void {
    this.#active = Math.min(Math.max(0, index), this.#box.children.length - 1);
    this.#onActive(this.#active);
  }

  #look(): void {
    const last = this.#lastPlace;
    const place = this.#place();
    this.#lastPlace = place;
    if (this.#target !== null) {
      if (Math.abs(place - this.#target) < ARRIVED) this.#target = null;
    } else if (!this.#released) {
      if (last === undefined || Math.round(place) !== Math.round(last)) this.#set(Math.round(place));
    } else if (last !== undefined && place !== last)
      this.#set(place > last ? Math.ceil(place - ARRIVED) : Math.floor(place + ARRIVED));
  }

  #rest(): void {
    this.#look();
    this.#released = false;
    // Something else has ended our move, such as added slides.
    if (this.#target !== null) this.#scrollTo(this.#target);
    else this.#set(Math.round(this.#place()));
  }

  #scrollTo(index: number, behavior?: ScrollBehavior): void {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#box.scrollTo({
      top: index * this.#slidePx(),
      behavior: behavior ?? (still ? "instant" : "smooth"),
    });
  }

  #place(): number {
    return this.#box.scrollTop / this.#slidePx() || 0;
  }

  /** Not the scroller's height, which has no fractions. */
  #slidePx(): number {
    return this.#box.scrollHeight / this.#box.children.length;
  }
}
