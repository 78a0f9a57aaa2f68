-- The responses of plugins to the requests that brought their events. A repeat of an event is answered with its response.
CREATE TABLE response (
    event   INTEGER PRIMARY KEY REFERENCES event (seq) ON DELETE CASCADE,
    tenant  TEXT NOT NULL,
    plugin  TEXT NOT NULL,
    status  INTEGER NOT NULL,
    headers BLOB NOT NULL,              -- see `codec::headers_to_blob`
    body    BLOB NOT NULL
) STRICT;
CREATE TRIGGER stored_response AFTER INSERT ON response BEGIN
    UPDATE stored SET bytes = bytes + length(new.headers) + length(new.body) WHERE tenant = new.tenant;
END;
CREATE TRIGGER stored_response_gone AFTER DELETE ON response BEGIN
    UPDATE stored SET bytes = bytes - length(old.headers) - length(old.body) WHERE tenant = old.tenant;
END;
