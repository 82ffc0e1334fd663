/**
 * The number of the picture at a place of its post, from 0. A process of an earlier release tells none, and moves none:
 * there it is the place.
 */
export const numberAt = ({ number = 0 }: { number?: number }, place: number): number => number || place + 1;

/** The picture of a post that has this number. */
export const pictureOf = <Picture extends { number?: number }>(
  pictures: readonly Picture[],
  number: number,
): Picture | undefined => pictures.find((picture, place) => numberAt(picture, place) === number);
