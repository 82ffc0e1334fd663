import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { User, UserPage } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Failure } from "../ui/failure.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { PersonRow } from "./person-row.tsx";

interface Props {
  label: string;
  query: UseInfiniteQueryResult<InfiniteData<UserPage>>;
  empty: ReactNode;
  row?: (user: User) => ReactNode;
}

/** A list of people; the next page loads when its position comes near. */
export function PeopleList({ label, query, empty, row }: Props) {
  const { t } = useI18n();
  const { data, error, hasNextPage, isFetching, fetchNextPage } = query;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(query);
  const people = [
    ...new Map(data?.pages.flatMap((page) => page.items).map((user) => [user.id, user])).values(),
  ];
  if (data && !hasNextPage && people.length === 0) return empty;
  return (
    <section aria-label={label}>
      <ul className="people">{people.map(row ?? ((user) => <PersonRow key={user.id} user={user} />))}</ul>
      <div className="people-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(query)} />}
      </div>
    </section>
  );
}
