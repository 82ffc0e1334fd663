#!/bin/sh
# Runs once, in the folder of a new primary: who may follow it, and that commits wait for the replica.
set -eu
echo "host replication douya all scram-sha-256" >> "$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 -U douya -d douya <<'SQL'
select pg_create_physical_replication_slot('replica', true);
-- From the next start on: during this one there is no replica yet, and commits would wait for it for ever.
alter system set synchronous_standby_names = 'ANY 1 (replica)';
SQL
