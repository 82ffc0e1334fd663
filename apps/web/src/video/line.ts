interface Connection {
  saveData?: boolean;
  downlink?: number;
}
const connection = () => (navigator as { connection?: Connection }).connection;

/** The browser, or its system, is told to use little data. */
export const browserSavesData = (): boolean => connection()?.saveData === true;

/** Bits per second, where the browser estimates it. */
export function lineBitrate(): number | undefined {
  const megabits = connection()?.downlink;
  return megabits === undefined ? undefined : megabits * 1e6;
}
