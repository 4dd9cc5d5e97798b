CREATE TABLE videos (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    attempt    INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    options    TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    summary    TEXT,
    outputs    TEXT,
    warnings   TEXT    NOT NULL,
    error      TEXT,
    created_at TEXT    NOT NULL,
    updated_at TEXT    NOT NULL
) STRICT;
CREATE INDEX videos_by_tenant ON videos (tenant, id);
CREATE INDEX videos_by_status ON videos (status, id);
