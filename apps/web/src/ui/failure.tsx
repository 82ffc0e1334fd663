import { isTransient } from "../api/client.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { RetryButton } from "./retry-button.tsx";

/** Why something could not be loaded, with a retry button. */
export function Failure({ error, onRetry }: { error: Error; onRetry: () => unknown }) {
  const { t } = useI18n();
  return (
    <div role="alert">
      <p>{explain(t, error)}</p>
      {isTransient(error) && <RetryButton error={error} onRetry={onRetry} />}
    </div>
  );
}
