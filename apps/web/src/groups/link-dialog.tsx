import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Group, GroupLink } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Failure } from "../ui/failure.tsx";
import { Spinner } from "../ui/notice.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { useAction } from "../ui/use-action.ts";
import { useShare } from "../video/use-share.ts";
import { groupLinkQuery } from "./group-queries.ts";

const USES = ["1", "10", "100", "1000"] as const;
const DAYS = ["1", "7", "30"] as const;
const DAY_HOURS = 24;

/** The link by which people join a group. */
export function LinkDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const query = groupLinkQuery(api, group.id);
  const { data, error, refetch } = useQuery(query);
  const [uses, setUses] = useState<(typeof USES)[number]>("100");
  const [days, setDays] = useState<(typeof DAYS)[number]>("7");
  const path = { params: { path: { id: group.id } } };
  const show = (link: GroupLink | null) => cache.setQueryData(query.queryKey, { link });
  const make = useAction({
    mutationFn: () =>
      take(
        api.PUT("/api/v1/groups/{id}/link", {
          ...path,
          body: { maxUses: Number(uses), hours: Number(days) * DAY_HOURS },
        }),
      ),
    onSuccess: show,
  });
  const revoke = useAction({
    mutationFn: () => take(api.DELETE("/api/v1/groups/{id}/link", path)),
    onSuccess: () => show(null),
  });
  const link = data?.link;
  return (
    <Dialog title={t.groups.link} onClose={onClose}>
      {error && !data ? (
        <Failure error={error} onRetry={refetch} />
      ) : !data ? (
        <Spinner label={t.loading} />
      ) : (
        <div className="dialog-form">
          {link && (
            <>
              <output className="group-link">{link.url}</output>
              <p className="dialog-text">
                {t.groups.linkBody(format.number(link.maxUses - link.uses), format.dateTime(link.expiresAt))}{" "}
                {link.maker && t.groups.linkMaker(link.maker.name)}
              </p>
              <div className="dialog-actions">
                <button
                  type="button"
                  className="button button-quiet"
                  disabled={revoke.isPending}
                  onClick={() => revoke.mutate()}
                >
                  {t.groups.revokeLink}
                </button>
                <CopyButton code={link.code} name={group.name} />
              </div>
            </>
          )}
          {!link && (
            <>
              <Segmented
                label={t.groups.linkUses}
                value={uses}
                options={USES.map((count) => [count, format.number(Number(count))])}
                onChange={setUses}
              />
              <Segmented
                label={t.groups.linkTime}
                value={days}
                options={DAYS.map((count) => [count, t.groups.days(count)])}
                onChange={setDays}
              />
              <div className="dialog-actions">
                <button
                  type="button"
                  className="button button-primary"
                  disabled={make.isPending}
                  onClick={() => make.mutate()}
                >
                  {t.groups.makeLink}
                </button>
              </div>
            </>
          )}
        </div>
      )}
    </Dialog>
  );
}

function CopyButton({ code, name }: { code: string; name: string }) {
  const { t } = useI18n();
  const share = useShare(`/g/${code}`, name);
  return (
    <button type="button" className="button button-primary" onClick={() => void share()}>
      {t.groups.copyLink}
    </button>
  );
}
