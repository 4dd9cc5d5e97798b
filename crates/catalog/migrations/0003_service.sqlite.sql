ALTER TABLE videos ADD COLUMN private TEXT;
ALTER TABLE videos ADD COLUMN export TEXT;
ALTER TABLE videos ADD COLUMN api_key BLOB;
ALTER TABLE videos ADD COLUMN upload BLOB;
CREATE INDEX videos_by_api_key ON videos (api_key, status);
CREATE UNIQUE INDEX videos_by_upload ON videos (upload);

CREATE TABLE jobs (
    video      BLOB    NOT NULL,
    attempt    INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    error      TEXT,
    created_at TEXT    NOT NULL,
    began_at   TEXT,
    ended_at   TEXT,
    PRIMARY KEY (video, attempt)
) STRICT;
INSERT INTO jobs (video, attempt, status, error, created_at, began_at, ended_at)
SELECT id, attempt, status, error, created_at, NULL,
       CASE WHEN status IN ('ready', 'failed', 'cancelled') THEN updated_at END
FROM videos;

CREATE TABLE api_keys (
    id                  BLOB    NOT NULL PRIMARY KEY,
    tenant              TEXT    NOT NULL,
    name                TEXT    NOT NULL,
    digest              TEXT    NOT NULL UNIQUE,
    requests_per_minute INTEGER,
    videos_max          INTEGER,
    created_at          TEXT    NOT NULL,
    revoked_at          TEXT
) STRICT;

CREATE TABLE signing_secrets (
    id         BLOB NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,
    secret     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT
) STRICT;
CREATE INDEX signing_secrets_by_tenant ON signing_secrets (tenant);

CREATE TABLE deliveries (
    id         BLOB    NOT NULL PRIMARY KEY,
    video      BLOB    NOT NULL,
    attempt    INTEGER NOT NULL,
    tenant     TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    round      INTEGER NOT NULL,
    round_at   TEXT NOT NULL,
    webhook    TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    created_at TEXT    NOT NULL,
    updated_at TEXT    NOT NULL,
    UNIQUE (video, attempt, event)
) STRICT;
CREATE INDEX deliveries_by_tenant ON deliveries (tenant, id);
CREATE INDEX deliveries_by_status ON deliveries (status, created_at);
CREATE INDEX deliveries_by_age ON deliveries (updated_at);

CREATE TABLE delivery_attempts (
    delivery    BLOB    NOT NULL,
    number      INTEGER NOT NULL,
    round       INTEGER NOT NULL,
    at          TEXT    NOT NULL,
    took_ms     INTEGER NOT NULL,
    http_status INTEGER,
    error       TEXT,
    PRIMARY KEY (delivery, number)
) STRICT;

CREATE TABLE uploads (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    way        TEXT    NOT NULL,
    file_name  TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    metadata   TEXT,
    created_at TEXT    NOT NULL,
    updated_at TEXT    NOT NULL
) STRICT;
CREATE INDEX uploads_by_status ON uploads (status, updated_at);
