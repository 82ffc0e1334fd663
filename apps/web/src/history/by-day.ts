interface Timed {
  watchedAt: string;
}

/** What was watched on the same days of this time zone, in the order in which it comes. */
export function byDay<Item extends Timed>(items: readonly Item[]): { day: string; items: Item[] }[] {
  const days: { day: string; items: Item[] }[] = [];
  for (const item of items) {
    const day = new Date(item.watchedAt).toDateString();
    const last = days.at(-1);
    if (last?.day === day) last.items.push(item);
    else days.push({ day, items: [item] });
  }
  return days;
}
