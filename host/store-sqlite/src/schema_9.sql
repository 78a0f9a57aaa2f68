-- The last refused requests of each source, without credentials, if the operator keeps them. The large columns are the last
-- ones, so that a list does not read them.
CREATE TABLE refused_request (
    id          BLOB NOT NULL UNIQUE,   -- the 16 bytes of the UUID; ids sort by arrival
    tenant      TEXT NOT NULL,
    source      TEXT NOT NULL,
    provider    TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    peer        TEXT NOT NULL,
    status      INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,       -- the size of path, query, headers and body
    redacted    TEXT NOT NULL,          -- the replaced parts, as a JSON array of texts
    method      TEXT NOT NULL,
    path        TEXT NOT NULL,
    query       TEXT,
    headers     BLOB NOT NULL,          -- see `codec::headers_to_blob`
    body        BLOB NOT NULL
) STRICT;
-- What decides whether a request stays, so that this does not read the requests.
CREATE INDEX refused_size ON refused_request (tenant, source, id, reason, received_at, bytes);
