-- Secrets of webhooks are sealed with var/secret.key and renewed; other systems tell of events.
-- A secret that begins with `sealed:` is sealed; older ones are sealed by the nightly cleaning.
ALTER TABLE core_webhook
    ADD COLUMN old_secret text NOT NULL DEFAULT '',
    -- Until then the old one signs as well.
    ADD COLUMN old_until timestamptz;

CREATE TABLE core_hook (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    -- Of the token in its address.
    digest text NOT NULL UNIQUE,
    -- Sealed; empty is told by the token alone.
    secret text NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by bigint REFERENCES core_user (id) ON DELETE SET NULL
);
CREATE INDEX core_hook_created_by_idx ON core_hook (created_by);
CREATE TABLE core_hook_call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hook bigint NOT NULL REFERENCES core_hook (id) ON DELETE CASCADE,
    -- The header webhook-id; empty when there was none.
    message_id text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('received', 'refused', 'repeated')),
    reason text NOT NULL DEFAULT '',
    content_type text NOT NULL DEFAULT '',
    -- Of what was received, as it came.
    body bytea NOT NULL DEFAULT '',
    size integer NOT NULL DEFAULT 0,
    runs integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX core_hook_call_hook_idx ON core_hook_call (hook, id DESC);
CREATE INDEX core_hook_call_at_idx ON core_hook_call (at);
-- Each message once.
CREATE UNIQUE INDEX core_hook_call_message_key ON core_hook_call (hook, message_id)
    WHERE state = 'received' AND message_id <> '';

-- backwards
DROP TABLE core_hook_call;
DROP TABLE core_hook;
ALTER TABLE core_webhook DROP COLUMN old_until, DROP COLUMN old_secret;
