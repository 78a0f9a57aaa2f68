-- The words of the glossary: orders of operators, blocked revisions, and deliveries of messages.
ALTER TABLE wish RENAME TO plugin_order;
ALTER TABLE ban RENAME TO plugin_block;
ALTER TABLE message RENAME COLUMN attempts TO deliveries;
UPDATE release_step SET step = 'blocked' WHERE step = 'quarantined';
UPDATE revision SET step = 'blocked' WHERE step = 'quarantined';
UPDATE delivery SET detail = json_object('deliveries', json_extract(detail, '$.attempts')) WHERE result = 'lost';
