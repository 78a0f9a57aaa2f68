-- The watched revision (64 hex digits) that a job's last attempt failed at, until the next attempt begins; NULL: none.
ALTER TABLE job ADD COLUMN failed_on TEXT;
CREATE INDEX job_failed ON job (tenant, plugin, failed_on, event)
    WHERE failed_on IS NOT NULL AND state IN ('waiting', 'dead');
