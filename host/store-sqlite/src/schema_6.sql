-- The lease under which a job or message is, or under which its last attempt or delivery ended: a number that no other
-- lease has. NULL: its last lease was given back or has ended with its host.
ALTER TABLE job ADD COLUMN lease INTEGER;
ALTER TABLE attempt ADD COLUMN lease INTEGER;
ALTER TABLE message ADD COLUMN lease INTEGER;
ALTER TABLE delivery ADD COLUMN lease INTEGER;
