import { type ReactNode, useState } from "react";
import "./charts.css";

interface Props {
  /** What it shows, in words. */
  label: string;
  /** Between 0 and `most`; at least two. */
  values: readonly number[];
  most: number;
  /** Of one of the values, while it is pointed at. */
  textAt: (index: number) => string;
  /** At the left and at the right end. */
  ends: readonly [string, string];
  /** At the upper edge, and at half of the height. */
  levels: readonly [string, string];
  /** Behind the line. */
  children?: ReactNode;
}

/** A line over what is under it. Its texts are no part of the drawing, which is as wide as there is room. */
export function LineChart({ label, values, most, textAt, ends, levels, children }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const last = values.length - 1;
  const x = (index: number) => (100 * index) / last;
  const y = (value: number) => 100 - 100 * Math.min(1, value / (most || 1));
  const line = values.map((value, i) => `${x(i).toFixed(2)},${y(value).toFixed(2)}`).join(" ");
  const point = (element: Element, clientX: number) => {
    const { left, width } = element.getBoundingClientRect();
    setAt(Math.min(last, Math.max(0, Math.round(((clientX - left) / width) * last))));
  };
  return (
    <figure className="chart" aria-label={label}>
      <div
        className="chart-field"
        data-over={children !== undefined}
        onPointerMove={({ currentTarget, clientX }) => point(currentTarget, clientX)}
        onPointerDown={({ currentTarget, clientX }) => point(currentTarget, clientX)}
        onPointerLeave={({ pointerType }) => pointerType !== "touch" && setAt(null)}
      >
        {children}
        <div className="chart-plot">
          <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            <path className="chart-level" d="M0 50H100" />
            <polygon className="chart-area" points={`0,100 ${line} 100,100`} />
            <polyline className="chart-line" points={line} />
          </svg>
          {at !== null && at <= last && (
            <>
              <i className="chart-at" style={{ left: `${x(at)}%` }} />
              <i className="chart-dot" style={{ left: `${x(at)}%`, top: `${y(values[at]!)}%` }} />
            </>
          )}
        </div>
        <span className="chart-most">{levels[0]}</span>
        <span className="chart-half">{levels[1]}</span>
        {at !== null && at <= last && (
          <output className="chart-text" data-late={x(at) > 50}>
            {textAt(at)}
          </output>
        )}
      </div>
      <figcaption className="chart-ends">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </figcaption>
    </figure>
  );
}
