#!/bin/sh
# A replica: a copy of the primary at the first start, then its follower.
set -eu
export PGPASSWORD="$POSTGRES_PASSWORD"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  until pg_basebackup -d "host=postgres-primary user=douya application_name=replica" -D "$PGDATA" -S replica -X stream -R; do
    rm -rf "${PGDATA:?}"/*
    sleep 2
  done
  # Promoted, it waits for no other until it is told to.
  echo "synchronous_standby_names = ''" >> "$PGDATA/postgresql.auto.conf"
fi
exec postgres "$@"
