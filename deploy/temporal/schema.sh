#!/bin/sh
# Makes Temporal's two databases, or brings their schemas up to the version of this image. Run twice, the
# second run changes nothing.
set -eu

sql() { temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$@"; }

for name in temporal:temporal temporal_visibility:visibility; do
    database=${name%%:*} folder=/etc/temporal/schema/postgresql/v12/${name#*:}/versioned
    # The database is there and empty where PostgreSQL made it; the schema's first version is there from
    # the second run on.
    sql "$database" create || true
    sql "$database" setup-schema -v 0.0 || true
    sql "$database" update-schema -d "$folder"
done
