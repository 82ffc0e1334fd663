import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { type PeopleList as List, peopleQuery, userQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Choice } from "../ui/choice.tsx";
import { Notice } from "../ui/notice.tsx";
import { PeopleList } from "./people-list.tsx";
import "../profile/profile.css";

/** The people somebody follows, their followers, and their friends. */
export default function PeoplePage({ id, list }: { id: string; list: List }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const [, navigate] = useLocation();
  const { data: user } = useQuery(userQuery(api, id));
  const people = useInfiniteQuery(peopleQuery(api, id, list));
  usePageTitle(user?.name ?? null);
  const names = { following: t.following, followers: t.followers, friends: t.friends };
  const own = me?.id === id;
  const numbered = (name: string, count: number | undefined) =>
    count === undefined ? name : `${name} ${format.count(count)}`;
  return (
    <div className="page people-page">
      <header className="page-head">
        <BackButton />
        <h1 dir="auto">{user?.name ?? " "}</h1>
      </header>
      <Choice
        label={t.people}
        className="profile-tabs"
        value={list}
        options={[
          ["following", numbered(names.following, user?.counts.following)],
          ["followers", numbered(names.followers, user?.counts.followers)],
          ["friends", names.friends],
        ]}
        onChange={(to) => navigate(`/user/${id}/${to}`, { replace: true })}
      />
      <PeopleList
        key={list}
        label={names[list]}
        query={people}
        empty={
          <Notice title={own ? t.nobodyOwn[list] : t.nobody[list]}>
            {own && (
              <Link href="/hot?tab=people" className="button button-primary">
                {t.findPeople}
              </Link>
            )}
          </Notice>
        }
      />
    </div>
  );
}
