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
    key_until   INTEGER NOT NULL,       -- when the key is free for another event
    ordering_key TEXT,                  -- NULL: in no order
    received_at INTEGER NOT NULL,
    payload_at  TEXT,                   -- a JSON pointer; NULL: the whole body is the event
    headers     BLOB NOT NULL,          -- see `codec::headers`
    body        BLOB NOT NULL
) STRICT;
-- The oldest of a tenant, for retention.
CREATE INDEX event_age ON event (tenant, received_at);

-- Which event has claimed a source's key. It outlives the event, so that a repeat of what was pruned is still one.
CREATE TABLE dedupe (
    key    BLOB PRIMARY KEY,            -- of source and key: see `codec::dedupe_key`
    event  BLOB NOT NULL,               -- its id
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dedupe_until ON dedupe (until);

-- What each tenant has stored, so that retention by bytes needn't add it up.
CREATE TABLE stored (
    tenant TEXT PRIMARY KEY,
    events INTEGER NOT NULL,
    bytes  INTEGER NOT NULL             -- of headers and bodies
) STRICT, WITHOUT ROWID;
CREATE TRIGGER stored_more AFTER INSERT ON event BEGIN
    INSERT INTO stored (tenant, events, bytes) VALUES (new.tenant, 1, length(new.headers) + length(new.body))
    ON CONFLICT (tenant) DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER stored_less AFTER DELETE ON event BEGIN
    UPDATE stored SET events = events - 1, bytes = bytes - length(old.headers) - length(old.body)
    WHERE tenant = old.tenant;
END;

-- Which plugins are given the events of which source.
CREATE TABLE route (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    plugin TEXT NOT NULL,
    PRIMARY KEY (tenant, source, plugin)
) STRICT, WITHOUT ROWID;

-- Plugins that are given nothing, since a revision of theirs failed too often.
CREATE TABLE quarantine (
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT NOT NULL,             -- 64 hex digits
    reason   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- How plugins' revisions fared, step by step.
CREATE TABLE release_step (
    seq      INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT,                      -- 64 hex digits; NULL: not known yet
    step     TEXT NOT NULL,             -- its name
    at       INTEGER NOT NULL,
    reason   TEXT,                      -- one line
    report   TEXT
) STRICT;
CREATE INDEX release_step_plugin ON release_step (tenant, plugin, seq);

-- Where each revision stands: its last step, which may have gone from the table above.
CREATE TABLE revision (
    tenant    TEXT NOT NULL,
    plugin    TEXT NOT NULL,
    revision  TEXT NOT NULL,
    seq       INTEGER NOT NULL,         -- of its last step
    step      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    reason    TEXT,
    served_at INTEGER,                  -- when it last became active; NULL: never
    PRIMARY KEY (tenant, plugin, revision)
) STRICT, WITHOUT ROWID;

-- Revisions that operators want to serve.
CREATE TABLE wish (
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT NOT NULL,
    is_pin   INTEGER NOT NULL,          -- 0: until the next good file
    since    INTEGER NOT NULL,
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- Contents that are refused.
CREATE TABLE ban (
    seq      INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT NOT NULL,
    reason   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    UNIQUE (tenant, plugin, revision)
) STRICT;

-- Events that no plugin has taken; they have no jobs.
CREATE TABLE unrouted (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    event  INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    received_at INTEGER NOT NULL,       -- as the event's
    PRIMARY KEY (tenant, source, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX unrouted_event ON unrouted (event);
-- The oldest of a tenant, for retention.
CREATE INDEX unrouted_age ON unrouted (tenant, received_at, event);

-- What operators ended: jobs, and events that had none.
CREATE TABLE discard (
    event   INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    plugin  TEXT NOT NULL,              -- of the job; '': the event had no job
    replays INTEGER NOT NULL,           -- of the job, before it
    at      INTEGER NOT NULL,
    reason  TEXT NOT NULL,              -- one line
    PRIMARY KEY (event, plugin, replays)
) STRICT, WITHOUT ROWID;

-- One event on its way through one plugin of the same tenant.
CREATE TABLE job (
    event    INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    plugin   TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'waiting', 'done', 'dead', 'held', 'discarded')),
    due_at   INTEGER,                   -- the end of the lease or of the wait
    replays  INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, -- begun since the last replay
    revision TEXT,                      -- what the last replay asked to be run on; NULL: the active one
    since    INTEGER,                   -- when it was to run again by the last replay
    lane     TEXT,                      -- source/ordering key; NULL: in no order
    blocked  INTEGER NOT NULL DEFAULT 0, -- another one of its lane comes first
    PRIMARY KEY (event, plugin),
    CHECK ((due_at IS NOT NULL) = (state IN ('leased', 'waiting')))
) STRICT, WITHOUT ROWID;
-- What is done is in none of these, so that their size is that of the work at hand, not of the history.
CREATE INDEX job_pending ON job (tenant, plugin, blocked, event) WHERE state = 'pending';
CREATE INDEX job_held ON job (tenant, plugin, event) WHERE state = 'held';
CREATE INDEX job_due ON job (tenant, plugin, blocked, due_at, event) WHERE due_at IS NOT NULL;
CREATE INDEX job_lane ON job (tenant, plugin, lane, event)
    WHERE lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded');
-- No more than one of a lane may be claimed.
CREATE UNIQUE INDEX job_head ON job (tenant, plugin, lane)
    WHERE lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded') AND blocked = 0;
CREATE INDEX job_dead ON job (event, plugin) WHERE state = 'dead';

-- One ended run of a plugin for a job. An attempt that was lost together with its host has no row.
CREATE TABLE attempt (
    event       INTEGER NOT NULL,
    plugin      TEXT NOT NULL,
    replays     INTEGER NOT NULL,       -- before it
    number      INTEGER NOT NULL,       -- 1 for the first, and for the first after each replay
    revision    TEXT NOT NULL,          -- 64 hex digits
    started_at  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcome     TEXT NOT NULL,          -- its name
    detail      TEXT,                   -- what else is known of it, as a JSON object
    log         TEXT,                   -- JSON: [["out" or "err", line], ...]; NULL: none
    PRIMARY KEY (event, plugin, replays, number),
    FOREIGN KEY (event, plugin) REFERENCES job (event, plugin) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Plugins' key-value stores.
CREATE TABLE value (
    tenant  TEXT NOT NULL,
    plugin  TEXT NOT NULL,
    bucket  TEXT NOT NULL,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,           -- from `value_store`, hence never given twice to a key
    value   BLOB NOT NULL,
    UNIQUE (tenant, plugin, bucket, key)
) STRICT;

-- What a plugin's values amount to, kept up with every write.
CREATE TABLE value_store (
    tenant  TEXT NOT NULL,
    plugin  TEXT NOT NULL,
    keys    INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,           -- of buckets' names, keys and values
    version INTEGER NOT NULL,           -- the last that was given to any key
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- The outbox: what plugins asked to have sent. It outlives the event, which may be pruned before it is sent.
CREATE TABLE message (
    seq          INTEGER PRIMARY KEY,   -- order of commit
    id           BLOB NOT NULL UNIQUE,  -- the UUID's 16 bytes
    tenant       TEXT NOT NULL,
    plugin       TEXT NOT NULL,
    event        BLOB NOT NULL,         -- the id of the one that was being handled
    destination  TEXT NOT NULL,
    event_type   TEXT,
    ordering_key TEXT,                  -- names a lane of the destination; NULL: in no order
    created_at   INTEGER NOT NULL,      -- when the attempt ended
    state        TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'waiting', 'done', 'dead')),
    due_at       INTEGER,               -- the end of the lease or of the wait
    replays      INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0, -- begun since the last replay
    spared       INTEGER NOT NULL DEFAULT 0, -- of them, those that don't count
    since        INTEGER NOT NULL,      -- since when it is to be sent
    blocked      INTEGER NOT NULL DEFAULT 0, -- another one of its lane comes first
    CHECK ((due_at IS NOT NULL) = (state IN ('leased', 'waiting')))
) STRICT;
-- As with jobs: what is over is in none of the first four.
CREATE INDEX message_pending ON message (tenant, destination, blocked) WHERE state = 'pending';
CREATE INDEX message_due ON message (tenant, destination, blocked, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX message_lane ON message (tenant, destination, ordering_key)
    WHERE ordering_key IS NOT NULL AND state NOT IN ('done', 'dead');
CREATE UNIQUE INDEX message_head ON message (tenant, destination, ordering_key)
    WHERE ordering_key IS NOT NULL AND state NOT IN ('done', 'dead') AND blocked = 0;
CREATE INDEX message_dead ON message (state) WHERE state = 'dead';
CREATE INDEX message_over ON message (tenant, created_at) WHERE state IN ('done', 'dead');
CREATE INDEX message_event ON message (event);

-- Apart, so that a change of a message's state doesn't write its body anew.
CREATE TABLE message_body (
    message INTEGER PRIMARY KEY REFERENCES message (seq) ON DELETE CASCADE,
    body    BLOB NOT NULL
) STRICT;

-- One ended try at sending a message. One that was lost together with its host has no row.
CREATE TABLE delivery (
    message     INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    replays     INTEGER NOT NULL,       -- before it
    number      INTEGER NOT NULL,       -- 1 for the first, and for the first after each replay
    started_at  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    result      TEXT NOT NULL,          -- its name
    detail      TEXT,                   -- what else is known of it, as a JSON object
    headers     BLOB,                   -- the answer's, see `codec::headers`; NULL: there was none
    body        BLOB,                   -- the beginning of the answer's
    PRIMARY KEY (message, replays, number)
) STRICT, WITHOUT ROWID;

-- Destinations that nothing is sent to.
CREATE TABLE disabled (
    tenant      TEXT NOT NULL,
    destination TEXT NOT NULL,
    reason      TEXT NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (tenant, destination)
) STRICT, WITHOUT ROWID;
