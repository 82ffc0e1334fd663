import type { Video } from "../api/types.ts";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { LineChart } from "./line-chart.tsx";

/** How many of 100 are still there at each percent of the video, over its own picture. */
export function Retention({ video, shares }: { video: Video; shares: readonly number[] }) {
  const { t, format } = useI18n();
  const seconds = video.durationMs / 1000;
  const last = shares.length - 1;
  return (
    <section className="card">
      <h2>{t.retention}</h2>
      <p className="settings-none">{t.retentionBody}</p>
      <LineChart
        label={t.retention}
        values={shares}
        most={100}
        textAt={(index) =>
          t.retentionAt(format.percent(shares[index]! / 100), clock((seconds * index) / last))
        }
        ends={[clock(0), clock(seconds)]}
        levels={[format.percent(1), format.percent(0.5)]}
      >
        {video.coverUrl ? <img src={video.coverUrl} alt="" /> : <i />}
      </LineChart>
    </section>
  );
}
