import { asProblem } from "../api/problem.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useCountdown } from "./use-countdown.ts";

interface Props {
  error: Error;
  onRetry: () => unknown;
  primary?: boolean;
}

/** Retries what failed; until the server wants to be asked again, it only says when that will be. */
export function RetryButton({ error, onRetry, primary = false }: Props) {
  const { t } = useI18n();
  const waitMs = useCountdown(asProblem(error).retryAtMs);
  return (
    <button
      type="button"
      className={primary ? "button button-primary" : "button"}
      disabled={waitMs > 0}
      // It stands within alerts: nobody wants to hear every second.
      aria-live="off"
      onClick={() => void onRetry()}
    >
      {waitMs > 0 ? t.retryIn(waitMs) : t.retry}
    </button>
  );
}
