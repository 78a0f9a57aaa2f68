-- What a job's requests were answered, for rehearsals: of its last attempt that came to "done" with some on record.
CREATE TABLE answer (
    event   INTEGER NOT NULL,
    plugin  TEXT NOT NULL,
    number  INTEGER NOT NULL,           -- in the order of the answers
    tenant  TEXT NOT NULL,
    request BLOB NOT NULL,              -- the SHA-256 of the request's method, URL and body
    status  INTEGER NOT NULL,
    headers BLOB NOT NULL,              -- see `codec::headers`
    body    BLOB NOT NULL,
    PRIMARY KEY (event, plugin, number),
    FOREIGN KEY (event, plugin) REFERENCES job (event, plugin) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TRIGGER stored_answer AFTER INSERT ON answer BEGIN
    UPDATE stored SET bytes = bytes + length(new.headers) + length(new.body) WHERE tenant = new.tenant;
END;
CREATE TRIGGER stored_answer_gone AFTER DELETE ON answer BEGIN
    UPDATE stored SET bytes = bytes - length(old.headers) - length(old.body) WHERE tenant = old.tenant;
END;
