ALTER TABLE videos ADD COLUMN private TEXT;
ALTER TABLE videos ADD COLUMN export TEXT;
ALTER TABLE videos ADD COLUMN api_key UUID;
ALTER TABLE videos ADD COLUMN upload UUID;
CREATE INDEX videos_by_api_key ON videos (api_key, status);
CREATE UNIQUE INDEX videos_by_upload ON videos (upload);

CREATE TABLE jobs (
    video      UUID    NOT NULL,
    attempt    BIGINT NOT NULL,
    status     TEXT    NOT NULL,
    error      TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    began_at   TIMESTAMPTZ,
    ended_at   TIMESTAMPTZ,
    PRIMARY KEY (video, attempt)
);
INSERT INTO jobs (video, attempt, status, error, created_at, began_at, ended_at)
SELECT id, attempt, status, error, created_at, NULL,
       CASE WHEN status IN ('ready', 'failed', 'cancelled') THEN updated_at END
FROM videos;

CREATE TABLE api_keys (
    id                  UUID    NOT NULL PRIMARY KEY,
    tenant              TEXT    NOT NULL,
    name                TEXT    NOT NULL,
    digest              TEXT    NOT NULL UNIQUE,
    requests_per_minute BIGINT,
    videos_max          BIGINT,
    created_at          TIMESTAMPTZ NOT NULL,
    revoked_at          TIMESTAMPTZ
);

CREATE TABLE signing_secrets (
    id         UUID NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,
    secret     TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ
);
CREATE INDEX signing_secrets_by_tenant ON signing_secrets (tenant);

CREATE TABLE deliveries (
    id         UUID    NOT NULL PRIMARY KEY,
    video      UUID    NOT NULL,
    attempt    BIGINT NOT NULL,
    tenant     TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    round      BIGINT NOT NULL,
    round_at   TIMESTAMPTZ NOT NULL,
    webhook    TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (video, attempt, event)
);
CREATE INDEX deliveries_by_tenant ON deliveries (tenant, id);
CREATE INDEX deliveries_by_status ON deliveries (status, created_at);
CREATE INDEX deliveries_by_age ON deliveries (updated_at);

CREATE TABLE delivery_attempts (
    delivery    UUID    NOT NULL,
    number      BIGINT NOT NULL,
    round       BIGINT NOT NULL,
    at          TIMESTAMPTZ NOT NULL,
    took_ms     BIGINT NOT NULL,
    http_status BIGINT,
    error       TEXT,
    PRIMARY KEY (delivery, number)
);

CREATE TABLE uploads (
    id         UUID   NOT NULL PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    way        TEXT   NOT NULL,
    file_name  TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    metadata   TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX uploads_by_status ON uploads (status, updated_at);
