-- Addresses of other systems that are told of events, and each telling with what came of it.
CREATE TABLE core_webhook (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    secret text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    failures integer NOT NULL DEFAULT 0,
    paused_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by bigint REFERENCES core_user (id) ON DELETE SET NULL
);
CREATE INDEX core_webhook_created_by_idx ON core_webhook (created_by);
CREATE TABLE core_webhook_call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook bigint NOT NULL REFERENCES core_webhook (id) ON DELETE CASCADE,
    event_id text NOT NULL,
    name text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    status integer,
    answer text NOT NULL DEFAULT '',
    ms integer,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (webhook, event_id)
);
CREATE INDEX core_webhook_call_webhook_idx ON core_webhook_call (webhook, id DESC);

-- backwards
DROP TABLE core_webhook_call;
DROP TABLE core_webhook;
