-- Calls that came in, told to those they were to; kept for a day. `key` is the id that the telephone
-- system at `source` gave, so that a call that is told twice is one.
CREATE TABLE core_call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    key text NOT NULL,
    caller text NOT NULL,
    called text NOT NULL,
    began_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    users bigint[] NOT NULL,
    seen_by bigint[] NOT NULL DEFAULT '{}',
    UNIQUE (source, key)
);
CREATE INDEX core_call_received_at_idx ON core_call (received_at);

ALTER TABLE core_user ADD COLUMN phone text NOT NULL DEFAULT '';
-- As numbers are compared everywhere (crmkit/records/duplicates.py).
CREATE INDEX core_user_phone_same_idx
    ON core_user (right(regexp_replace(phone, '\D', '', 'g'), 9)) WHERE phone <> '';

-- backwards
DROP INDEX core_user_phone_same_idx;
ALTER TABLE core_user DROP COLUMN phone;
DROP TABLE core_call;
