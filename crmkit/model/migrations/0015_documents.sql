-- Documents that were made of records, as they were made. `name` is that of the template; a row
-- stands for what was ordered and is filled by a job.
CREATE TABLE core_document (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    label text NOT NULL,
    entity text NOT NULL,
    record bigint NOT NULL,
    language text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'ordered' CHECK (state IN ('ordered', 'made', 'failed')),
    error text NOT NULL DEFAULT '',
    -- SHA-256 of the content, in hexadecimal.
    digest text NOT NULL DEFAULT '',
    size integer NOT NULL DEFAULT 0,
    content bytea,
    ordered_at timestamptz NOT NULL,
    made_at timestamptz,
    made_by bigint REFERENCES core_user (id) ON DELETE SET NULL
);
-- A PDF is compressed already.
ALTER TABLE core_document ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX core_document_record_idx ON core_document (entity, record, id);
CREATE INDEX core_document_made_by_idx ON core_document (made_by);

-- The address of a person's calendar: the digest of its secret.
CREATE TABLE core_feed (
    user_id bigint PRIMARY KEY REFERENCES core_user (id) ON DELETE CASCADE,
    digest text NOT NULL UNIQUE,
    with_holidays boolean NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);

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
DROP TABLE core_feed;
DROP TABLE core_document;
DROP INDEX core_user_phone_same_idx;
ALTER TABLE core_user DROP COLUMN phone;
DROP TABLE core_call;
