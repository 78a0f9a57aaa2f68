-- The recorded answers to the HTTP requests of a job, for rehearsals. They come from the last successful attempt that
-- recorded answers.
CREATE TABLE answer (
    event   INTEGER NOT NULL,
    plugin  TEXT NOT NULL,
    number  INTEGER NOT NULL,           -- the order of the answers
    tenant  TEXT NOT NULL,
    request BLOB NOT NULL,              -- the SHA-256 of the method, URL and body
    status  INTEGER NOT NULL,
    headers BLOB NOT NULL,              -- see `codec::headers_to_blob`
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
