import { useI18n } from "../i18n/i18n.tsx";
import "./progress-bar.css";

/** A bar with a share (0..1), which screen readers hear in tenths; null: in progress, share unknown. */
export function ProgressBar({ label, share }: { label: string; share: number | null }) {
  const { format } = useI18n();
  const tenths = share === null ? null : Math.floor(share * 10) / 10;
  return (
    <div className="progress">
      <div
        className="progress-track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={share === null ? undefined : Math.round(share * 100)}
        data-unknown={share === null}
      >
        <span style={{ width: `${(share ?? 0.3) * 100}%` }} />
      </div>
      <span className="unseen" role="status">
        {tenths === null ? label : `${label} ${format.percent(tenths)}`}
      </span>
    </div>
  );
}
