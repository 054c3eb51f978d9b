-- Secrets of incoming webhooks are renewed; until then the old one fits as well.
ALTER TABLE core_hook
    ADD COLUMN old_secret text NOT NULL DEFAULT '',
    ADD COLUMN old_until timestamptz;

-- backwards
ALTER TABLE core_hook DROP COLUMN old_until, DROP COLUMN old_secret;
