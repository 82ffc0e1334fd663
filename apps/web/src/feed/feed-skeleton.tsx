import { useI18n } from "../i18n/i18n.tsx";
import "../video/slide.css";
import "../video/stage.css";
import "../video/caption.css";
import "./feed.css";

/** A slide while it loads. */
export function FeedSkeleton() {
  const { t } = useI18n();
  return (
    <div className="slide" role="status">
      <span className="unseen">{t.loading}</span>
      <div className="stage skeleton" aria-hidden="true">
        <div className="caption">
          <i className="bone bone-short" />
          <i className="bone" />
        </div>
      </div>
      <div className="rail skeleton" aria-hidden="true">
        <i className="bone bone-round" />
        <i className="bone bone-round" />
        <i className="bone bone-round" />
      </div>
    </div>
  );
}
