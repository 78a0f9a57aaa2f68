-- Lists of a tenant, a source or a type merge the runs of this index, each in the order of arrival. It is the only index
-- here that every append writes: it makes an append up to an eighth slower (`cargo bench --bench writer`), and saves a list
-- of a rare type from reading all events.
CREATE INDEX event_run ON event (tenant, source, event_type);
-- As above, for the lists of messages.
CREATE INDEX message_run ON message (tenant, destination);
-- Counts and lists of the dead jobs and messages of a tenant. Nothing is written here while all goes well.
CREATE INDEX job_dead_of ON job (tenant, plugin, event) WHERE state = 'dead';
CREATE INDEX message_dead_of ON message (tenant, destination) WHERE state = 'dead';

-- What an attempt used. NULL: not known, as for the attempts of older versions.
ALTER TABLE attempt ADD COLUMN cpu_us INTEGER;
ALTER TABLE attempt ADD COLUMN memory_bytes INTEGER;
ALTER TABLE attempt ADD COLUMN host_calls INTEGER;
ALTER TABLE job ADD COLUMN first_cpu_us INTEGER;
ALTER TABLE job ADD COLUMN first_memory_bytes INTEGER;
ALTER TABLE job ADD COLUMN first_host_calls INTEGER;

-- Who gave an order or blocked a revision. NULL: not known, or the host itself.
ALTER TABLE plugin_order ADD COLUMN ordered_by TEXT;
ALTER TABLE plugin_block ADD COLUMN blocked_by TEXT;

-- Who changed what, when, and from where.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,
    id        BLOB NOT NULL UNIQUE,     -- the 16 bytes of the UUID
    at        INTEGER NOT NULL,
    tenant    TEXT,                     -- NULL: the whole host
    author    TEXT NOT NULL,
    role      TEXT NOT NULL,
    from_where TEXT NOT NULL,
    action    TEXT NOT NULL,
    target    TEXT NOT NULL,
    detail    TEXT,                     -- in one line
    result    TEXT NOT NULL             -- in one line
) STRICT;

-- How often requests to a source were refused.
CREATE TABLE refusal (
    tenant    TEXT NOT NULL,
    source    TEXT NOT NULL,
    minute    INTEGER NOT NULL,         -- the beginning of the minute
    reason    TEXT NOT NULL,
    peer      TEXT NOT NULL,            -- the address
    count     INTEGER NOT NULL,
    first_at  INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    -- What the last request looked like.
    header_names    TEXT NOT NULL,      -- a JSON array of texts
    content_type    TEXT,
    body_bytes      INTEGER,
    clock_offset_ms INTEGER,
    PRIMARY KEY (tenant, source, minute, reason, peer)
) STRICT, WITHOUT ROWID;
-- The oldest rows of all sources go first.
CREATE INDEX refusal_age ON refusal (minute);

-- The series of the charts.
CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    code    TEXT NOT NULL,
    last_at INTEGER NOT NULL,           -- the latest step that has a figure
    UNIQUE (tenant, kind, name, code)
) STRICT;

-- The figures of each series. A step has the same length in seconds as its resolution.
CREATE TABLE figure (
    series     INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    resolution INTEGER NOT NULL,
    at         INTEGER NOT NULL,        -- the beginning of the step
    count      INTEGER NOT NULL,
    sum_us     INTEGER NOT NULL,
    max_us     INTEGER NOT NULL,
    times      BLOB NOT NULL,           -- see `charts::times_to_blob`
    PRIMARY KEY (series, resolution, at)
) STRICT, WITHOUT ROWID;
