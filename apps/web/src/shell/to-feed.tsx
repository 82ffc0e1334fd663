import { Link } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";

/** The way out of a page or a list in which nothing is. */
export function ToFeed() {
  const { t } = useI18n();
  return (
    <Link href="/" className="button button-primary">
      {t.toFeed}
    </Link>
  );
}
