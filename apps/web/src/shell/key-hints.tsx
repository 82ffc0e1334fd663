import { useI18n } from "../i18n/i18n.tsx";
import { usePreferences } from "../settings/use-preferences.ts";
import "./key-hints.css";

/** The keys that control the videos; shown next to them on a desktop, and in the settings. */
export function KeyHints({ className }: { className: string }) {
  const { t } = useI18n();
  const { letterKeys } = usePreferences();
  const keys: [string[], string][] = [
    [letterKeys ? ["↓", "↑", "J", "K"] : ["↓", "↑"], t.keysMove],
    [["␣"], t.keysPause],
    [["←", "→"], t.keysSeek],
  ];
  if (letterKeys) {
    const letters: [string, string][] = [
      ["L", t.keysLike],
      ["C", t.keysComments],
      ["F", t.keysFollow],
      ["M", t.keysSound],
    ];
    keys.push(...letters.map(([key, does]): [string[], string] => [[key], does]));
  }
  return (
    <dl className={className} aria-label={t.keysTitle}>
      {keys.map(([names, does]) => (
        <div key={does}>
          <dt>
            {names.map((name) => (
              <kbd key={name}>{name}</kbd>
            ))}
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}
