import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { loginPath } from "../account/next-path.ts";
import { take } from "../api/client.ts";
import { asProblem } from "../api/problem.ts";
import { useServices, useUser } from "../api/services.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ToFeed } from "../shell/to-feed.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice, Spinner } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { useAction } from "../ui/use-action.ts";
import { GroupAvatar } from "./group-avatar.tsx";
import { foundGroupQuery, groupPath } from "./group-queries.ts";
import "./groups.css";

/** Where an invitation by link leads. */
export default function JoinPage({ code }: { code: string }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  const { data: group, error, refetch } = useQuery(foundGroupQuery(api, code));
  usePageTitle(group?.name ?? t.groups.joinTitle);
  const join = useAction({
    mutationFn: () => take(api.POST("/api/v1/group-links/{code}/join", { params: { path: { code } } })),
    onSuccess: ({ id }) => {
      void cache.invalidateQueries({ queryKey: ["conversations"] });
      navigate(groupPath(id), { replace: true });
    },
  });
  if (error)
    return (
      <Notice level={1} title={t.groups.linkGone} body={explain(t, error)}>
        {asProblem(error).status === 404 ? <ToFeed /> : <RetryButton error={error} onRetry={refetch} />}
      </Notice>
    );
  if (!group) return <Spinner label={t.loading} />;
  return (
    <div className="join">
      <p>{t.groups.joinTitle}</p>
      <GroupAvatar group={group} size={120} />
      <h1 dir="auto">{group.name}</h1>
      <p>{t.groups.members(format.number(group.members))}</p>
      {!me ? (
        <Link href={loginPath(`/g/${code}`)} className="button button-primary">
          {t.groups.joinLogIn}
        </Link>
      ) : group.joined ? (
        <Link href={groupPath(group.id)} className="button button-primary">
          {t.groups.joined}
        </Link>
      ) : (
        <button
          type="button"
          className="button button-primary"
          disabled={join.isPending}
          onClick={() => join.mutate()}
        >
          {t.groups.join}
        </button>
      )}
    </div>
  );
}
