-- The requests that had the key of a stored event and another body. Such a request is not stored.
CREATE TABLE differing_repeat (
    event   INTEGER PRIMARY KEY REFERENCES event (seq) ON DELETE CASCADE,
    count   INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;
