import { useMemo, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { Choice } from "../ui/choice.tsx";
import type { AnyFigures, FiguresWindow } from "./figures-query.ts";
import { LineChart } from "./line-chart.tsx";
import { everySpan } from "./spans.ts";

const shown = ["views", "watchMs", "likes"] as const;
type Shown = (typeof shown)[number];
const HOUR_MS = 3_600_000;
const windowsMs = { "24h": 24 * HOUR_MS, "28d": 28 * 24 * HOUR_MS, all: undefined };

interface Props {
  figures: Pick<AnyFigures, "series" | "spanMs">;
  window: FiguresWindow;
  nowMs: number;
}

/** One of the numbers by time. */
export function OverTime({ figures: { series, spanMs }, window, nowMs }: Props) {
  const { t, format } = useI18n();
  const [what, setWhat] = useState<Shown>("views");
  const points = useMemo(() => {
    const told = series.map((one) => ({ atMs: Date.parse(one.at), value: one[what] }));
    return everySpan(told, { spanMs, windowMs: windowsMs[window], nowMs });
  }, [series, what, spanMs, window, nowMs]);
  const values = points.map(({ value }) => value);
  // Of likes more may be withdrawn than given.
  const most = Math.max(...values, what === "watchMs" ? 1_000 : 1);
  const text = (value: number) => (what === "watchMs" ? format.amount(value) : format.count(value));
  const isoOf = (index: number) => new Date(points[index]!.atMs).toISOString();
  // The spans of all time are days of UTC.
  const short = { "24h": format.hours, "28d": format.day, all: format.dayUtc }[window];
  const time = window === "28d" ? format.dateTime : short;
  return (
    <section className="card figures-wide">
      <h2>{t.overTime}</h2>
      <Choice
        label={t.overTime}
        className="chips"
        value={what}
        options={shown.map((one) => [one, t.figureNames[one]] as const)}
        onChange={setWhat}
      />
      <LineChart
        label={t.mostAt(t.figureNames[what], text(most))}
        values={values.map((value) => Math.max(0, value))}
        most={most}
        textAt={(index) => t.figureAt(text(values[index]!), time(isoOf(index)))}
        ends={[short(isoOf(0)), short(new Date(nowMs).toISOString())]}
        levels={[text(most), most > 1 ? text(Math.round(most / 2)) : ""]}
      />
    </section>
  );
}
