import { useInfiniteQuery } from "@tanstack/react-query";
import { peopleQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { Failure } from "../ui/failure.tsx";
import { Spinner } from "../ui/notice.tsx";

interface Props {
  me: User;
  picked: ReadonlySet<string>;
  /** These are in it already. */
  without?: ReadonlySet<string>;
  onPick: (id: string, is: boolean) => void;
}

/** Friends with boxes to tick. */
export function PickFriends({ me, picked, without, onPick }: Props) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, hasNextPage, isFetching, fetchNextPage, refetch } = useInfiniteQuery(
    peopleQuery(api, me.id, "friends"),
  );
  const all = data?.pages.flatMap((page) => page.items) ?? [];
  const friends = all.filter(({ id }) => !without?.has(id));
  if (error && !data) return <Failure error={error} onRetry={refetch} />;
  if (!data) return <Spinner label={t.loading} />;
  return (
    <fieldset className="pick-friends">
      <legend>{t.groups.pickFriends}</legend>
      {friends.length === 0 && (
        <p className="dialog-text">{all.length > 0 ? t.groups.allAreIn : t.groups.noFriends}</p>
      )}
      <ul>
        {friends.map((friend) => (
          <li key={friend.id}>
            <label className="pick-friend">
              <Avatar user={friend} size={44} />
              <span className="person-text">
                <strong dir="auto">{friend.name}</strong>
                <span>@{friend.username}</span>
              </span>
              <input
                type="checkbox"
                checked={picked.has(friend.id)}
                onChange={(event) => onPick(friend.id, event.target.checked)}
              />
            </label>
          </li>
        ))}
        {hasNextPage && (
          <li>
            <button
              type="button"
              className="button button-quiet button-wide"
              disabled={isFetching}
              onClick={() => void fetchNextPage()}
            >
              {t.moreFriends}
            </button>
          </li>
        )}
      </ul>
    </fieldset>
  );
}
