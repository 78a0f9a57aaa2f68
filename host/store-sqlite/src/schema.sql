-- The first schema of the store. This file never changes: a change is a new file and a new row
-- in `open::SCHEMAS`.
-- All times are milliseconds since 1970-01-01T00:00:00Z.

-- Verified requests. The body is the last column, so that a list does not read it.
CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,    -- the order of arrival
    id          BLOB NOT NULL UNIQUE,   -- the 16 bytes of the UUID
    tenant      TEXT NOT NULL,
    source      TEXT NOT NULL,
    provider    TEXT NOT NULL,
    event_type  TEXT,
    key         TEXT NOT NULL,
    key_until   INTEGER NOT NULL,       -- the time at which another event may have the key
    ordering_key TEXT,                  -- NULL: no order
    received_at INTEGER NOT NULL,
    payload_at  TEXT,                   -- a JSON pointer; NULL: the event is the whole body
    headers     BLOB NOT NULL,          -- see `codec::headers_to_blob`
    body        BLOB NOT NULL
) STRICT;
-- Retention finds the oldest rows of a tenant.
CREATE INDEX event_age ON event (tenant, received_at);

-- The event that owns an idempotency key of a source. A row outlives its event, so that a repeat
-- of a pruned event is still a repeat.
CREATE TABLE dedupe (
    key    BLOB PRIMARY KEY,            -- see `codec::dedupe_key`
    event  BLOB NOT NULL,               -- the id of the event
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dedupe_until ON dedupe (until);

-- The totals of each tenant, so that retention by bytes does not add up all events.
CREATE TABLE stored (
    tenant TEXT PRIMARY KEY,
    events INTEGER NOT NULL,
    bytes  INTEGER NOT NULL             -- the size of headers and bodies
) STRICT, WITHOUT ROWID;
CREATE TRIGGER stored_more AFTER INSERT ON event BEGIN
    INSERT INTO stored (tenant, events, bytes) VALUES (new.tenant, 1, length(new.headers) + length(new.body))
    ON CONFLICT (tenant) DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER stored_less AFTER DELETE ON event BEGIN
    UPDATE stored SET events = events - 1, bytes = bytes - length(old.headers) - length(old.body)
    WHERE tenant = old.tenant;
END;

-- The routes from sources to plugins.
CREATE TABLE route (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    plugin TEXT NOT NULL,
    PRIMARY KEY (tenant, source, plugin)
) STRICT, WITHOUT ROWID;

-- The quarantined plugins.
CREATE TABLE quarantine (
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT NOT NULL,             -- 64 hexadecimal digits
    reason   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- The steps of the releases of all plugins.
CREATE TABLE release_step (
    seq      INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT,                      -- 64 hexadecimal digits; NULL: not known yet
    step     TEXT NOT NULL,             -- the name
    at       INTEGER NOT NULL,
    reason   TEXT,                      -- in one line
    report   TEXT
) STRICT;
CREATE INDEX release_step_plugin ON release_step (tenant, plugin, seq);

-- The last step of each revision. The step may no longer be in the table above.
CREATE TABLE revision (
    tenant    TEXT NOT NULL,
    plugin    TEXT NOT NULL,
    revision  TEXT NOT NULL,
    seq       INTEGER NOT NULL,         -- the seq of the last step
    step      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    reason    TEXT,
    served_at INTEGER,                  -- the last time at which it became active; NULL: never
    PRIMARY KEY (tenant, plugin, revision)
) STRICT, WITHOUT ROWID;

-- The revisions that operators ordered to serve. Now called plugin_order, see schema_5.sql.
CREATE TABLE wish (
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT NOT NULL,
    is_pin   INTEGER NOT NULL,          -- 0: the order lasts until the next good file
    since    INTEGER NOT NULL,
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- The revisions that may not serve. Now called plugin_block, see schema_5.sql.
CREATE TABLE ban (
    seq      INTEGER PRIMARY KEY,
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    revision TEXT NOT NULL,
    reason   TEXT NOT NULL,
    since    INTEGER NOT NULL,
    UNIQUE (tenant, plugin, revision)
) STRICT;

-- The unrouted events, which have no jobs.
CREATE TABLE unrouted (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    event  INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    received_at INTEGER NOT NULL,       -- as in the event
    PRIMARY KEY (tenant, source, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX unrouted_event ON unrouted (event);
-- Retention finds the oldest rows of a tenant.
CREATE INDEX unrouted_age ON unrouted (tenant, received_at, event);

-- The jobs, and the events without jobs, that operators discarded.
CREATE TABLE discard (
    event   INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    plugin  TEXT NOT NULL,              -- the plugin of the job; '': the event had no job
    replays INTEGER NOT NULL,           -- the replays of the job before the discard
    at      INTEGER NOT NULL,
    reason  TEXT NOT NULL,              -- in one line
    PRIMARY KEY (event, plugin, replays)
) STRICT, WITHOUT ROWID;

-- The jobs: one for each event and plugin of the same tenant.
CREATE TABLE job (
    event    INTEGER NOT NULL REFERENCES event (seq) ON DELETE CASCADE,
    plugin   TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'waiting', 'done', 'dead', 'held', 'discarded')),
    due_at   INTEGER,                   -- the end of the lease or of the wait
    replays  INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, -- the attempts begun since the last replay
    revision TEXT,                      -- the revision of the last replay; NULL: the active revision
    since    INTEGER,                   -- the time at which the last replay made the job due
    lane     TEXT,                      -- source/ordering key; NULL: no order
    blocked  INTEGER NOT NULL DEFAULT 0, -- another item of the lane comes first
    PRIMARY KEY (event, plugin),
    CHECK ((due_at IS NOT NULL) = (state IN ('leased', 'waiting')))
) STRICT, WITHOUT ROWID;
-- Finished jobs are in none of these indexes, so their size follows the current work and not the history.
CREATE INDEX job_pending ON job (tenant, plugin, blocked, event) WHERE state = 'pending';
CREATE INDEX job_held ON job (tenant, plugin, event) WHERE state = 'held';
CREATE INDEX job_due ON job (tenant, plugin, blocked, due_at, event) WHERE due_at IS NOT NULL;
CREATE INDEX job_lane ON job (tenant, plugin, lane, event)
    WHERE lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded');
-- Only one job of a lane may be claimed.
CREATE UNIQUE INDEX job_head ON job (tenant, plugin, lane)
    WHERE lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded') AND blocked = 0;
CREATE INDEX job_dead ON job (event, plugin) WHERE state = 'dead';

-- The ended attempts. An attempt that was lost together with its host has no row.
CREATE TABLE attempt (
    event       INTEGER NOT NULL,
    plugin      TEXT NOT NULL,
    replays     INTEGER NOT NULL,       -- the replays before it
    number      INTEGER NOT NULL,       -- 1 for the first one, and for the first one after each replay
    revision    TEXT NOT NULL,          -- 64 hexadecimal digits
    started_at  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    outcome     TEXT NOT NULL,          -- the name
    detail      TEXT,                   -- the details, as a JSON object
    log         TEXT,                   -- JSON: [["out" or "err", line], ...]; NULL: no lines
    PRIMARY KEY (event, plugin, replays, number),
    FOREIGN KEY (event, plugin) REFERENCES job (event, plugin) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The key-value stores of plugins.
CREATE TABLE value (
    tenant  TEXT NOT NULL,
    plugin  TEXT NOT NULL,
    bucket  TEXT NOT NULL,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,           -- from `value_store`, so a key never gets a version twice
    value   BLOB NOT NULL,
    UNIQUE (tenant, plugin, bucket, key)
) STRICT;

-- The totals of the key-value store of each plugin. Every write updates them.
CREATE TABLE value_store (
    tenant  TEXT NOT NULL,
    plugin  TEXT NOT NULL,
    keys    INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,           -- the size of bucket names, keys and values
    version INTEGER NOT NULL,           -- the last version that any key got
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;

-- The messages of the outbox. A message outlives its event, which may be pruned before the message is sent.
CREATE TABLE message (
    seq          INTEGER PRIMARY KEY,   -- the order of commit
    id           BLOB NOT NULL UNIQUE,  -- the 16 bytes of the UUID
    tenant       TEXT NOT NULL,
    plugin       TEXT NOT NULL,
    event        BLOB NOT NULL,         -- the id of the event that the plugin was handling
    destination  TEXT NOT NULL,
    event_type   TEXT,
    ordering_key TEXT,                  -- the name of the lane of the destination; NULL: no order
    created_at   INTEGER NOT NULL,      -- the time at which the attempt ended
    state        TEXT NOT NULL CHECK (state IN ('pending', 'leased', 'waiting', 'done', 'dead')),
    due_at       INTEGER,               -- the end of the lease or of the wait
    replays      INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0, -- the attempts begun since the last replay
    spared       INTEGER NOT NULL DEFAULT 0, -- the number of these that do not count
    since        INTEGER NOT NULL,      -- the time at which the age starts
    blocked      INTEGER NOT NULL DEFAULT 0, -- another item of the lane comes first
    CHECK ((due_at IS NOT NULL) = (state IN ('leased', 'waiting')))
) STRICT;
-- As for jobs: finished messages are in none of the first four indexes.
CREATE INDEX message_pending ON message (tenant, destination, blocked) WHERE state = 'pending';
CREATE INDEX message_due ON message (tenant, destination, blocked, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX message_lane ON message (tenant, destination, ordering_key)
    WHERE ordering_key IS NOT NULL AND state NOT IN ('done', 'dead');
CREATE UNIQUE INDEX message_head ON message (tenant, destination, ordering_key)
    WHERE ordering_key IS NOT NULL AND state NOT IN ('done', 'dead') AND blocked = 0;
CREATE INDEX message_dead ON message (state) WHERE state = 'dead';
CREATE INDEX message_over ON message (tenant, created_at) WHERE state IN ('done', 'dead');
CREATE INDEX message_event ON message (event);

-- The bodies are in a separate table, so that a change of a message's state does not rewrite its body.
CREATE TABLE message_body (
    message INTEGER PRIMARY KEY REFERENCES message (seq) ON DELETE CASCADE,
    body    BLOB NOT NULL
) STRICT;

-- The ended deliveries. A delivery that was lost together with its host has no row.
CREATE TABLE delivery (
    message     INTEGER NOT NULL REFERENCES message (seq) ON DELETE CASCADE,
    replays     INTEGER NOT NULL,       -- the replays before it
    number      INTEGER NOT NULL,       -- 1 for the first one, and for the first one after each replay
    started_at  INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    result      TEXT NOT NULL,          -- the name
    detail      TEXT,                   -- the details, as a JSON object
    headers     BLOB,                   -- of the answer, see `codec::headers_to_blob`; NULL: no answer
    body        BLOB,                   -- the beginning of the answer's body
    PRIMARY KEY (message, replays, number)
) STRICT, WITHOUT ROWID;

-- The disabled destinations.
CREATE TABLE disabled (
    tenant      TEXT NOT NULL,
    destination TEXT NOT NULL,
    reason      TEXT NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (tenant, destination)
) STRICT, WITHOUT ROWID;
