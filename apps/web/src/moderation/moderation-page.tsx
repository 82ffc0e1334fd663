import { useState } from "react";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Segmented } from "../ui/segmented.tsx";
import { ActLog } from "./act-log.tsx";
import { Queue } from "./queue.tsx";
import { useModerating } from "./use-moderating.ts";
import "./moderation.css";

/** What was reported and what was done, for moderators; the server refuses everybody else. */
export default function ModerationPage() {
  const { t } = useModerating();
  const [what, setWhat] = useState<"queue" | "log">("queue");
  usePageTitle(t.moderation);
  return (
    <div className="page moderation">
      <header className="page-head">
        <BackButton />
        <h1>{t.moderation}</h1>
      </header>
      <Segmented
        label={t.moderation}
        value={what}
        options={[
          ["queue", t.queue],
          ["log", t.actLog],
        ]}
        onChange={setWhat}
      />
      {what === "queue" ? <Queue /> : <ActLog />}
    </div>
  );
}
