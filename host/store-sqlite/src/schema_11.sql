-- The trace that a message continues, as the `traceparent` of the attempt that asked for it. NULL: the trace is not recorded.
ALTER TABLE message ADD COLUMN trace TEXT;
