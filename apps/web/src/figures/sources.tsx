import { useI18n } from "../i18n/i18n.tsx";
import type { AnyFigures } from "./figures-query.ts";

/** Views by where they came from. */
export function Sources({ sources }: Pick<AnyFigures, "sources">) {
  const { t, format } = useI18n();
  const all = sources.reduce((sum, { views }) => sum + views, 0) || 1;
  const names: Record<string, string> = t.sourceNames;
  return (
    <section className="card">
      <h2>{t.sources}</h2>
      <ul className="bars">
        {sources.map(({ from, views }) => (
          <li key={from}>
            <span>{names[from] ?? t.sourceNames.other}</span>
            <span>
              {format.count(views)} · {format.percent(views / all)}
            </span>
            <i>
              <b style={{ width: `${(100 * views) / all}%` }} />
            </i>
          </li>
        ))}
      </ul>
    </section>
  );
}
