-- The inbox's first schema. A change of it is a further file and one more row in `open::SCHEMAS`; this one stays.
-- Moments are milliseconds since 1970-01-01T00:00:00Z.

-- One verified request. The body stands last, so that lists needn't read past the rest.
CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,    -- order of arrival
    id          BLOB NOT NULL UNIQUE,   -- the UUID's 16 bytes
    tenant      TEXT NOT NULL,
    source      TEXT NOT NULL,
    provider    TEXT NOT NULL,
    event_type  TEXT,
    key         TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    payload_at  TEXT,                   -- a JSON pointer; NULL: the whole body is the event
    headers     BLOB NOT NULL,          -- see `codec::headers`
    body        BLOB NOT NULL,
    UNIQUE (tenant, source, key)
) STRICT;

-- Which plugins are given the events of which source.
CREATE TABLE route (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    plugin TEXT NOT NULL,
    PRIMARY KEY (tenant, source, plugin)
) STRICT, WITHOUT ROWID;

-- Events whose source had no plugin when they came; they have no jobs yet.
CREATE TABLE unrouted (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    event  INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    PRIMARY KEY (tenant, source, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX unrouted_event ON unrouted (event);

-- One event on its way through one plugin of the same tenant.
CREATE TABLE job (
    event    INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    plugin   TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'waiting', 'done', 'dead', 'held')),
    due_at   INTEGER,                   -- the end of the lease or of the wait
    attempts INTEGER NOT NULL DEFAULT 0, -- begun
    PRIMARY KEY (event, plugin),
    CHECK ((due_at IS NOT NULL) = (state IN ('leased', 'waiting')))
) STRICT, WITHOUT ROWID;
-- What is over is in none of these, so that their size is that of the work at hand, not of the history.
CREATE INDEX job_pending ON job (tenant, plugin, event) WHERE state = 'pending';
CREATE INDEX job_held ON job (tenant, plugin, event) WHERE state = 'held';
CREATE INDEX job_due ON job (tenant, plugin, due_at, event) WHERE due_at IS NOT NULL;

-- One ended run of a plugin for a job. An attempt that was lost together with its host has no row.
CREATE TABLE attempt (
    event       INTEGER NOT NULL,
    plugin      TEXT NOT NULL,
    number      INTEGER NOT NULL,       -- 1 for the first
    revision    TEXT NOT NULL,          -- 64 hex digits
    started_at  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcome     TEXT NOT NULL,          -- its name
    detail      TEXT,                   -- what else is known of it, as a JSON object
    log         TEXT,                   -- JSON: [["out" or "err", line], ...]; NULL: none
    PRIMARY KEY (event, plugin, number),
    FOREIGN KEY (event, plugin) REFERENCES job (event, plugin) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
