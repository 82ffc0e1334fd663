#!/bin/sh
# A replica: a copy of the primary at the first start, then its follower. One that cannot catch up any more, because its
# slot was lost, is copied again. Promoted, it has no standby.signal, and nothing of it is ever removed.
set -eu
export PGPASSWORD="$POSTGRES_PASSWORD"

on_primary() {
  psql -d "host=postgres-primary user=douya dbname=douya connect_timeout=5" -Atqc "$1"
}

# Under names of their own, and renamed at once: what is at PGDATA is whole, whenever this ends.
rm -rf "$PGDATA.new" "$PGDATA.old"
if [ -e "$PGDATA/standby.signal" ]; then
  slots=$(on_primary "select count(*) from pg_replication_slots where slot_name = 'replica' and wal_status is distinct from 'lost'" || echo unknown)
  if [ "$slots" = 0 ]; then
    on_primary "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'replica'"
    on_primary "select pg_create_physical_replication_slot('replica', true)"
    mv "$PGDATA" "$PGDATA.old"
    rm -rf "$PGDATA.old"
  fi
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$(dirname "$PGDATA")"
  until pg_basebackup -d "host=postgres-primary user=douya application_name=replica" -D "$PGDATA.new" -S replica -X stream -R; do
    rm -rf "$PGDATA.new"
    sleep 2
  done
  # Promoted, it waits for no other until it is told to.
  echo "synchronous_standby_names = ''" >> "$PGDATA.new/postgresql.auto.conf"
  rm -rf "$PGDATA"
  mv "$PGDATA.new" "$PGDATA"
fi
exec postgres "$@"
