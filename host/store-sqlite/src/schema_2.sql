-- The revision in probation (64 hexadecimal digits) on which the last attempt of a job failed, until the next attempt
-- begins; NULL: none.
ALTER TABLE job ADD COLUMN failed_on TEXT;
CREATE INDEX job_failed ON job (tenant, plugin, failed_on, event)
    WHERE failed_on IS NOT NULL AND state IN ('waiting', 'dead');
