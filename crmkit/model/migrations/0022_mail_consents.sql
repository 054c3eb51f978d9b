-- Sign-ins at mail providers that were begun: one of each session, used up by the way back.
CREATE TABLE core_mail_consent (
    session text PRIMARY KEY REFERENCES core_session (id) ON DELETE CASCADE,
    -- SHA-256 of the `state` that travels.
    state text NOT NULL,
    provider text NOT NULL,
    address text NOT NULL,
    -- Empty makes a new account.
    account bigint REFERENCES core_mail_account (id) ON DELETE CASCADE,
    shared boolean NOT NULL DEFAULT false,
    -- Of PKCE, sealed with var/secret.key.
    verifier bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX core_mail_consent_account_idx ON core_mail_consent (account);

-- backwards
DROP TABLE core_mail_consent;
