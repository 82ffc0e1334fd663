import { expect, test } from "vitest";
import { modulesOf } from "#apps/server/targets.ts";
import type { Migrations } from "#platform/db/migrate.ts";
import { migrations as events } from "#platform/events/migrations.ts";
import { migrations as ids } from "#platform/ids/node-lease.ts";
import { migrations as lease } from "#platform/lease/migrations.ts";
import { migrations as security } from "#platform/security/migrations.ts";

const schemas: Record<string, Migrations> = {
  ...{ events, ids, lease, security },
  ...Object.fromEntries(
    modulesOf("all").flatMap(({ module: { name, migrations } }) => (migrations ? [[name, migrations]] : [])),
  ),
};

/**
 * What keeps readers or writers of a table away for as long as the table is large. A column with a constant default, a
 * dropped column or a constraint that is not valid yet takes a moment.
 */
const blocking: [RegExp, string][] = [
  [/^create (unique )?index (?!concurrently)/, "create index concurrently"],
  [/^drop index (?!concurrently)/, "drop index concurrently"],
  [/^reindex /, "build another index concurrently"],
  [/^(cluster|vacuum full|lock|truncate) /, "nothing that locks a whole table"],
  [/^(update|delete from) /, "change rows by a job, in slices"],
  [/^alter table .* (set data type|type) /, "add another column"],
  [/^alter table .* set not null/, "add a check that is not valid, and validate it later"],
  [
    /^alter table .* add (column )?\w+ .*(gen_random_uuid|random\(|clock_timestamp|nextval|serial|generated)/,
    "add it without a default",
  ],
  [
    /^alter table .* add (constraint|primary key|unique|foreign key|check)(?!.* not valid$)/,
    "add it not valid, or by an index built concurrently",
  ],
  [/^alter table .* rename /, "add another name: processes of the version before are still running"],
];

/** Those that had landed before this rule, when no installation was large, and of tables that stay small. */
const before = new Set([
  ...["events 0004-lease-of-the-process", "events 0005-origins"],
  ...["user 0002-moderators", "user 0005-password-at", "user 0008-key-rotation"],
  ...["relation 0005-recent-follows", "relation 0006-turns-of-jobs", "relation 0007-dead-jobs"],
  ...["video 0002-holds", "video 0005-turns-of-jobs", "video 0007-dead-jobs"],
  ...[
    "interaction 0002-forgotten-authors",
    "interaction 0003-comments-by-author",
    "interaction 0004-gone-people",
  ],
  ...["feed 0005-nothing-pulled", "feed 0006-turns-of-jobs", "feed 0007-pulls", "feed 0007-dead-jobs"],
]);

function statementsOf(text: string): string[] {
  const plain = text.replaceAll(/--.*/g, "").replaceAll(/\s+/g, " ");
  // The body of a function runs when it is called.
  return plain
    .replaceAll(/\$(\w*)\$.*?\$\1\$/g, "")
    .toLowerCase()
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

function problemsOf(text: string): string[] {
  const statements = statementsOf(text);
  const made = new Set(
    statements.flatMap((one) => /^create (?:unlogged )?table (?:if not exists )?(\S+)/.exec(one)?.[1] ?? []),
  );
  const onExisting = statements.filter((one) => {
    const table =
      /^(?:alter table|update|delete from|truncate|lock(?: table)?) (?:only |if exists )?(\S+)/.exec(
        one,
      )?.[1] ?? / on (?:only )?(\S+)/.exec(one)?.[1];
    return !(table && made.has(table));
  });
  const concurrent = statements.filter((one) => one.includes(" concurrently "));
  return [
    ...onExisting.flatMap((one) =>
      blocking.filter(([form]) => form.test(one)).map(([, instead]) => `${one.slice(0, 80)}: ${instead}`),
    ),
    ...(concurrent.length > 0 && statements.length > 1
      ? ["an index that is built concurrently is a migration of its own"]
      : []),
  ];
}

/** What code of the version before does without, whatever it reads and writes. */
const adding = [
  /^create (unlogged )?table /,
  /^create index /,
  /^create sequence /,
  /^create function /,
  /^alter table \S+ add column (?!.* (unique|references|check|primary key)\b)(?!.* not null(?!.* default ))[^,]+$/,
];

test("a migration whose name ends in + only adds", () => {
  const onlyAdds = (text: string) => {
    const statements = statementsOf(text);
    const made = new Set(
      statements.flatMap((one) => /^create (?:unlogged )?table (\S+)/.exec(one)?.[1] ?? []),
    );
    const isOfNewTable = (one: string) =>
      made.has(/ on (\S+)|^insert into (\S+)/.exec(one)?.slice(1).find(Boolean) ?? "");
    return statements.every((one) => isOfNewTable(one) || adding.some((form) => form.test(one)));
  };
  for (const text of [
    "create table b.c (d int unique); create unique index a on b.c (d); insert into b.c values (1)",
    "create index concurrently if not exists a on b.c (d)",
    "alter table b.c add column d int; alter table b.c add column e int not null default 0",
  ])
    expect(onlyAdds(text), text).toBe(true);
  for (const text of [
    "alter table b.c drop column d",
    "alter table b.c add column d int not null",
    "alter table b.c add column d int references e",
    "alter table b.c add column d int, drop column e",
    "create unique index a on b.c (d)",
    "create or replace function f() returns int language sql as 'select 1'",
    "create trigger t after insert on b.c for each row execute function f()",
    "insert into b.c values (1)",
  ])
    expect(onlyAdds(text), text).toBe(false);
  const marked = Object.entries(schemas).flatMap(([schema, migrations]) =>
    Object.entries(migrations).flatMap(([name, text]) =>
      name.endsWith("+") ? [{ name: `${schema} ${name}`, text }] : [],
    ),
  );
  expect(marked).not.toEqual([]);
  expect(marked.filter(({ text }) => !onlyAdds(text)).map(({ name }) => name)).toEqual([]);
});

test("what blocks is found", () => {
  for (const text of [
    "create index a on b.c (d)",
    "alter table b.c alter column d type int8",
    "alter table b.c add constraint e check (d > 0)",
    "alter table b.c add primary key (d)",
    "update b.c set d = 1",
    "create index concurrently a on b.c (d); select 1",
  ])
    expect(problemsOf(text), text).toHaveLength(1);
  for (const text of [
    "create table b.c (d int); create index a on b.c (d)",
    "create index concurrently if not exists a on b.c (d)",
    "alter table b.c add d int not null default 0",
    "alter table b.c add constraint e check (d > 0) not valid",
  ])
    expect(problemsOf(text), text).toEqual([]);
});

test("no migration blocks a table that is there already", () => {
  const found = Object.entries(schemas).flatMap(([schema, migrations]) =>
    Object.entries(migrations).flatMap(([name, text]) =>
      problemsOf(text).map((problem) => ({ name: `${schema} ${name}`, problem })),
    ),
  );
  expect(
    found.filter(({ name }) => !before.has(name)).map(({ name, problem }) => `${name}: ${problem}`),
  ).toEqual([]);
  // And no more than that.
  expect([...before].filter((name) => !found.some((one) => one.name === name))).toEqual([]);
});
