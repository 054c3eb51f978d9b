-- What people are told: English text and the values in its places, so that each reader reads it in
-- his own language. Of one key a person is told once.
CREATE TABLE core_notification (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES core_user (id) ON DELETE CASCADE,
    kind text NOT NULL,
    text text NOT NULL,
    values jsonb NOT NULL DEFAULT '{}',
    url text NOT NULL DEFAULT '',
    entity text NOT NULL DEFAULT '',
    record bigint,
    key text,
    created_at timestamptz NOT NULL,
    read_at timestamptz
);
CREATE INDEX core_notification_user_idx ON core_notification (user_id, id);
CREATE INDEX core_notification_unread_idx ON core_notification (user_id) WHERE read_at IS NULL;
CREATE UNIQUE INDEX core_notification_key_key ON core_notification (user_id, key)
    WHERE key IS NOT NULL;

-- What a person wants to be told of otherwise than the kind's default says.
CREATE TABLE core_notification_choice (
    user_id bigint NOT NULL REFERENCES core_user (id) ON DELETE CASCADE,
    kind text NOT NULL,
    channels text[] NOT NULL,
    PRIMARY KEY (user_id, kind)
);

-- backwards
DROP TABLE core_notification_choice;
DROP TABLE core_notification;
