-- The lease under which a job or message is, or under which its last attempt or delivery ended: a number that no other
-- lease has. NULL: its last lease was given back or has ended with its host.
ALTER TABLE job ADD COLUMN lease INTEGER;
ALTER TABLE attempt ADD COLUMN lease INTEGER;
ALTER TABLE message ADD COLUMN lease INTEGER;
ALTER TABLE delivery ADD COLUMN lease INTEGER;

-- The attempt of a job whose first attempt succeeded and wrote no log, which has no row in `attempt` until the job is
-- replayed. NULL: the attempts are in `attempt`.
ALTER TABLE job ADD COLUMN first_revision BLOB;  -- the 32 bytes
ALTER TABLE job ADD COLUMN first_started_at INTEGER;
ALTER TABLE job ADD COLUMN first_duration_us INTEGER;

-- The writer adds up the new events of each transaction itself.
DROP TRIGGER stored_more;

-- The keys of older versions are a digest without the beginning of the sender's key. They are looked for until the last
-- of them has expired.
CREATE INDEX dedupe_digest ON dedupe (key) WHERE length(key) = 16;
