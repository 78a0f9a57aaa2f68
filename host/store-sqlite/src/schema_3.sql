-- The number of attempts since the last replay that do not count.
ALTER TABLE job ADD COLUMN spared INTEGER NOT NULL DEFAULT 0;

-- The size of the body of a message, so that triggers do not read the body.
ALTER TABLE message ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE message SET bytes = (SELECT length(body) FROM message_body WHERE message = message.seq);

-- The totals of the unsent messages, so that quotas do not add up all messages.
CREATE TABLE unsent (
    tenant   TEXT NOT NULL,
    plugin   TEXT NOT NULL,
    messages INTEGER NOT NULL,
    bytes    INTEGER NOT NULL,          -- the size of the bodies
    PRIMARY KEY (tenant, plugin)
) STRICT, WITHOUT ROWID;
INSERT INTO unsent SELECT tenant, plugin, count(*), sum(bytes) FROM message
    WHERE state NOT IN ('done', 'dead') GROUP BY tenant, plugin;
CREATE TRIGGER unsent_new AFTER INSERT ON message WHEN new.state NOT IN ('done', 'dead') BEGIN
    INSERT INTO unsent (tenant, plugin, messages, bytes) VALUES (new.tenant, new.plugin, 1, new.bytes)
    ON CONFLICT (tenant, plugin) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER unsent_again AFTER UPDATE OF state ON message
    WHEN old.state IN ('done', 'dead') AND new.state NOT IN ('done', 'dead') BEGIN
    INSERT INTO unsent (tenant, plugin, messages, bytes) VALUES (new.tenant, new.plugin, 1, new.bytes)
    ON CONFLICT (tenant, plugin) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER unsent_over AFTER UPDATE OF state ON message
    WHEN old.state NOT IN ('done', 'dead') AND new.state IN ('done', 'dead') BEGIN
    UPDATE unsent SET messages = messages - 1, bytes = bytes - old.bytes
    WHERE tenant = old.tenant AND plugin = old.plugin;
END;
CREATE TRIGGER unsent_gone AFTER DELETE ON message WHEN old.state NOT IN ('done', 'dead') BEGIN
    UPDATE unsent SET messages = messages - 1, bytes = bytes - old.bytes
    WHERE tenant = old.tenant AND plugin = old.plugin;
END;

-- Retention finds the oldest unsent messages of a tenant.
CREATE INDEX message_unsent ON message (tenant, since) WHERE state IN ('pending', 'waiting', 'dead');
