#!/bin/sh
# What the real image's entrypoint does with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, and no more.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(mktemp)
    printf '%s' "$POSTGRES_PASSWORD" >"$password"
    initdb --username="$POSTGRES_USER" --pwfile="$password" --auth=scram-sha-256 >/dev/null
    rm "$password"
    printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    printf 'CREATE DATABASE "%s";\n' "${POSTGRES_DB:-$POSTGRES_USER}" | postgres --single -j postgres >/dev/null
fi
exec "$@" -c listen_addresses='*'
