import { numberAt } from "#contracts/picture-number.ts";
import { refusal } from "#contracts/reasons.ts";
import type { StoredPicture } from "./tables.ts";

/** A picture that stays in its post, and what it shows, if that is to be said otherwise. */
export interface KeptPicture {
  number: number;
  alt?: string | undefined;
}

/**
 * The pictures of a post when its author keeps these, in this order; undefined if that is how it is. From its first change
 * on, a post has the numbers of its pictures with them. Error: INVALID_ARGUMENT.
 */
export function keepPictures(was: StoredPicture[], kept: KeptPicture[]): StoredPicture[] | undefined {
  const numbered = was.map((picture, place) => ({ ...picture, number: numberAt(picture, place) }));
  const now = kept.map(({ number, alt }) => {
    const picture = numbered.find((one) => one.number === number);
    if (!picture) throw refusal("INVALID_ARGUMENT", `pictures: there is no picture ${number} in it.`);
    return { ...picture, alt: alt ?? picture.alt };
  });
  const isAsWas =
    now.length === numbered.length &&
    now.every(({ number, alt }, place) => number === numbered[place]!.number && alt === numbered[place]!.alt);
  return isAsWas ? undefined : now;
}

/** Of originals, and of what is shown of them, in bytes. */
type Bytes = Record<"original" | "shown", number>;

/**
 * What a post of `total` has no longer when it shows `now` only. Pictures from before sizes were noted share alike what the
 * others leave.
 */
export function bytesGone(was: StoredPicture[], now: StoredPicture[], total: Bytes): Bytes {
  const kept = new Set(now.map(({ number }) => number));
  const gone = was.filter((picture, place) => !kept.has(numberAt(picture, place)));
  const unnoted = was.filter(({ bytes }) => !bytes).length;
  const sum = (which: keyof Bytes) => {
    const noted = was.reduce((all, { bytes }) => all + (bytes?.[which] ?? 0), 0);
    const share = Math.max(0, Math.floor((total[which] - noted) / unnoted));
    return gone.reduce((all, { bytes }) => all + (bytes?.[which] ?? share), 0);
  };
  return { original: sum("original"), shown: sum("shown") };
}
