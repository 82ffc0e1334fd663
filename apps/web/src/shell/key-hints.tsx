import { useI18n } from "../i18n/i18n.tsx";

/** Which keys move through the videos; shown on a desk. */
export function KeyHints() {
  const { t } = useI18n();
  return (
    <dl className="nav-keys" aria-label={t.keysTitle}>
      <div>
        <dt>
          <kbd>↓</kbd>
          <kbd>↑</kbd>
        </dt>
        <dd>{t.keysMove}</dd>
      </div>
      <div>
        <dt>
          <kbd>␣</kbd>
        </dt>
        <dd>{t.keysPause}</dd>
      </div>
      <div>
        <dt>
          <kbd>←</kbd>
          <kbd>→</kbd>
        </dt>
        <dd>{t.keysSeek}</dd>
      </div>
      <div>
        <dt>
          <kbd>L</kbd>
        </dt>
        <dd>{t.keysLike}</dd>
      </div>
      <div>
        <dt>
          <kbd>C</kbd>
        </dt>
        <dd>{t.keysComments}</dd>
      </div>
      <div>
        <dt>
          <kbd>F</kbd>
        </dt>
        <dd>{t.keysFollow}</dd>
      </div>
      <div>
        <dt>
          <kbd>M</kbd>
        </dt>
        <dd>{t.keysSound}</dd>
      </div>
    </dl>
  );
}
