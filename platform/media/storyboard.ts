/** Small pictures of a video at equal steps, in one picture: row by row, from the left. */
export interface Storyboard {
  /** Between two pictures; the first is at 0. */
  intervalMs: number;
  count: number;
  columns: number;
  tileWidth: number;
  tileHeight: number;
}

const MOST_TILES = 100;
const COLUMNS = 10;
const TILE_SHORT_SIDE_PX = 90;

export function planStoryboard(video: { durationMs: number; width: number; height: number }): Storyboard {
  const { durationMs, width, height } = video;
  const intervalMs = Math.max(1000, Math.ceil(durationMs / MOST_TILES));
  const count = Math.max(1, Math.min(MOST_TILES, Math.ceil(durationMs / intervalMs)));
  const scale = TILE_SHORT_SIDE_PX / Math.min(width, height);
  const even = (px: number) => Math.max(2, 2 * Math.round((px * scale) / 2));
  const tile = { tileWidth: even(width), tileHeight: even(height) };
  return { intervalMs, count, columns: Math.min(COLUMNS, count), ...tile };
}

/** Of pictures that are upright and have square pixels. */
export function storyboardFilter({ intervalMs, count, columns, tileWidth, tileHeight }: Storyboard): string {
  const rows = Math.ceil(count / columns);
  return `fps=1000/${intervalMs}:start_time=0,scale=${tileWidth}:${tileHeight}:flags=area,tile=${columns}x${rows}`;
}
