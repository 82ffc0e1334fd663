import { describe, expect, it } from "vitest";
import { wheelAtRest, wheelStep } from "./wheel-step.ts";

/** Slides moved by events of [delta, time]. */
function run(events: [number, number][]): number {
  let state = wheelAtRest;
  let moved = 0;
  for (const [delta, at] of events) {
    const [next, step] = wheelStep(state, delta, at);
    state = next;
    moved += step;
  }
  return moved;
}

describe("wheelStep", () => {
  it("moves one slide for one notch of a mouse", () => {
    expect(run([[100, 1000]])).toBe(1);
    expect(run([[-100, 1000]])).toBe(-1);
  });
  it("moves one slide for a trackpad's push and its long tail", () => {
    const tail = Array.from({ length: 60 }, (_, i): [number, number] => [120 * 0.93 ** i, 1000 + i * 16]);
    expect(run(tail)).toBe(1);
  });
  it("adds up a slow push", () => {
    expect(
      run([
        [8, 1000],
        [9, 1030],
        [10, 1060],
      ]),
    ).toBe(0);
    expect(
      run([
        [8, 1000],
        [9, 1030],
        [10, 1060],
        [9, 1090],
      ]),
    ).toBe(1);
  });
  it("ignores a touch that does not go on", () => {
    expect(
      run([
        [20, 1000],
        [20, 1400],
        [20, 1800],
      ]),
    ).toBe(0);
  });
  it("takes a second notch after the slide has moved, and a stronger push within the tail", () => {
    expect(
      run([
        [100, 1000],
        [100, 1500],
      ]),
    ).toBe(2);
    expect(
      run([
        [100, 1000],
        [60, 1150],
        [30, 1300],
        [10, 1430],
        [90, 1450],
      ]),
    ).toBe(2);
  });
  it("lets a slide arrive before the next, however hard the push", () => {
    expect(
      run([
        [100, 1000],
        [400, 1200],
      ]),
    ).toBe(1);
  });
  it("does not run through the feed when the wheel is spun", () => {
    const spin = Array.from({ length: 20 }, (_, i): [number, number] => [100, 1000 + i * 20]);
    expect(run(spin)).toBe(1);
  });
});
