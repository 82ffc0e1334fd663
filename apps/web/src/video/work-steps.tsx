import type { Video } from "../api/types.ts";
import { explainTry } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useCountdown } from "../ui/use-countdown.ts";
import "./work-steps.css";

type Step = Video["steps"][number];

/** Whether something is still done for it. */
export const isWorkedOn = ({ steps }: Video) =>
  steps.some(({ state }) => state === "waiting" || state === "running");

/** The work on an own video: each step with its state, since when, how far, and what becomes of what failed. */
export function WorkSteps({ video }: { video: Video }) {
  const { t } = useI18n();
  if (video.steps.length === 0) return null;
  return (
    <ul className="work-steps" aria-label={t.work}>
      {video.steps.map((step) => (
        <li key={step.name} data-step={step.name} data-state={step.state}>
          <strong>{t.workNames[step.name]}</strong>
          <StepState step={step} />
          {step.failure && <p>{explainTry(t, step.failure.reason, step.failure.message)}</p>}
        </li>
      ))}
    </ul>
  );
}

function StepState({ step: { state, done, total, since, progress, endsAt, nextTryAt } }: { step: Step }) {
  const { t, format } = useI18n();
  const againMs = useCountdown(nextTryAt ? Date.parse(nextTryAt) : 0);
  const leftMs = endsAt ? Date.parse(endsAt) - Date.now() : 0;
  const parts = [
    t.workStates[state],
    state !== "waiting" && total > 1 && t.doneOf(format.number(done), format.number(total)),
    state === "running" && progress !== null && format.percent(progress),
    state === "running" && leftMs > 0 && t.secondsLeft(format.span(leftMs)),
    state === "waiting" && againMs > 0 && t.nextTryIn(format.span(againMs)),
    since && format.ago(since),
  ];
  return <span>{parts.filter(Boolean).join(" · ")}</span>;
}
