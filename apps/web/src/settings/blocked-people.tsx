import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { blocksQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { PeopleList } from "../people/people-list.tsx";
import { useBlock } from "../social/use-block.ts";
import { Avatar } from "../ui/avatar.tsx";

/** The people one blocks, each with a button to unblock. */
export function BlockedPeople() {
  const { t } = useI18n();
  const { api } = useServices();
  const people = useInfiniteQuery(blocksQuery(api));
  return (
    <section className="card blocked">
      <h2>{t.blockedPeople}</h2>
      <PeopleList
        label={t.blockedPeople}
        query={people}
        empty={<p className="settings-none">{t.nobodyBlocked}</p>}
        row={(user) => <Row key={user.id} user={user} />}
      />
    </section>
  );
}

function Row({ user }: { user: User }) {
  const { t } = useI18n();
  const block = useBlock(user);
  return (
    <li className="person">
      <Link href={`/user/${user.id}`} className="person-who">
        <Avatar user={user} size={44} />
        <span className="person-text">
          <strong dir="auto">{user.name}</strong>
          <span dir="auto">@{user.username}</span>
        </span>
      </Link>
      <button
        type="button"
        className="button button-quiet follow"
        aria-label={t.actOn(t.unblock, user.name)}
        disabled={block.isPending}
        onClick={() => block.mutate(false)}
      >
        {t.unblock}
      </button>
    </li>
  );
}
