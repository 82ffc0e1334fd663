import { useI18n } from "../i18n/i18n.tsx";
import type { AnyFigures } from "./figures-query.ts";

/** The totals; `ofAll`: of all videos together, so followers too. */
export function Tiles({ total, ofAll }: { total: AnyFigures["total"]; ofAll: boolean }) {
  const { t, format } = useI18n();
  const { plays, views, viewers, watchMs, completions, likes, comments, shares, followers } = total;
  const names = t.figureNames;
  const each = (value: number) => (plays > 0 ? value / plays : 0);
  const tiles = [
    [names.views, format.count(views)],
    [names.viewers, format.count(viewers)],
    [names.watchMs, format.amount(watchMs)],
    [names.averageMs, format.amount(each(watchMs))],
    [names.completion, format.percent(each(completions))],
    [names.likes, format.count(likes)],
    [names.comments, format.count(comments)],
    [names.shares, format.count(shares)],
    ...(ofAll ? [[names.followers, format.count(followers)] as const] : []),
  ] as const;
  return (
    <dl className="figures-tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
