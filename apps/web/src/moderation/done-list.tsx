import { Link } from "wouter";
import type { DoneAct } from "../api/types.ts";
import { subjectPath } from "./subject-path.ts";
import { useModerating } from "./use-moderating.ts";

/** What moderators did, for moderators. */
export function DoneList({ done, label }: { done: readonly DoneAct[]; label: string }) {
  const { t, format } = useModerating();
  return (
    <ol className="done-list" aria-label={label}>
      {done.map((one) => {
        const path = subjectPath(one.subject, one.videoId);
        const kind = t.subjectKinds[one.subject.kind];
        const act: string | undefined = t.acts[one.act as keyof typeof t.acts];
        return (
          <li key={one.id}>
            <b>{act ?? t.byTime}</b> {path ? <Link href={path}>{kind}</Link> : kind}
            {one.owner && ` · ${one.owner.name}`}
            {one.reason && ` · ${t.reportReasons[one.reason]}`}
            {one.until && ` · ${t.until(format.dateTime(one.until))}`}
            <small>
              {one.actor?.name ?? t.byTime} <time dateTime={one.at}>{format.moment(one.at)}</time>
            </small>
            {[one.note, one.text].filter(Boolean).map((words) => (
              <p key={words} dir="auto">
                {words}
              </p>
            ))}
          </li>
        );
      })}
    </ol>
  );
}
