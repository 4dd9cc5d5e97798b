#!/bin/sh
# Run once by the image of PostgreSQL, on an empty volume: a user of Temporal's own, beside Millrace's.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set password="$TEMPORAL_POSTGRES_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN PASSWORD :'password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL
