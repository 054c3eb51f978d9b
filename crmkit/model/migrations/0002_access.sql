-- Sessions, one-time links and limits. Only digests of secrets are kept.
CREATE TABLE core_session (
    id text PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES core_user (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    address text NOT NULL DEFAULT '',
    device text NOT NULL DEFAULT ''
);
CREATE INDEX core_session_user_idx ON core_session (user_id);

CREATE TABLE core_link (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('setup', 'invite', 'reset')),
    user_id bigint REFERENCES core_user (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX core_link_user_idx ON core_link (user_id);

CREATE TABLE core_limit (
    name text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX core_limit_name_idx ON core_limit (name, at);

-- backwards
DROP TABLE core_limit, core_link, core_session;
