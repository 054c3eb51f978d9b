-- Mailboxes: several folders with counts, sign-in by OAuth, and who listens to which mailbox.
ALTER TABLE core_mail_account
    -- Empty is the inbox, and the folder of sent mail where the server names it.
    ADD COLUMN folders text[] NOT NULL DEFAULT '{}',
    -- A name below [mail.oauth] in crmkit.toml: then the password is a refresh token.
    ADD COLUMN oauth text NOT NULL DEFAULT '',
    ADD COLUMN token bytea NOT NULL DEFAULT '',
    ADD COLUMN token_until timestamptz,
    -- The process that hears of new mail at once, while it says so.
    ADD COLUMN watcher text NOT NULL DEFAULT '',
    ADD COLUMN watched_until timestamptz;

ALTER TABLE core_mail_cursor
    ADD COLUMN is_sent boolean NOT NULL DEFAULT false,
    ADD COLUMN read_at timestamptz,
    ADD COLUMN behind integer NOT NULL DEFAULT 0,
    ADD COLUMN received bigint NOT NULL DEFAULT 0,
    ADD COLUMN matched bigint NOT NULL DEFAULT 0,
    ADD COLUMN errors bigint NOT NULL DEFAULT 0,
    ADD COLUMN error text NOT NULL DEFAULT '';

-- Messages that were erased with a person: they stay on their server and must not come again.
CREATE TABLE core_message_erased (
    account bigint NOT NULL REFERENCES core_mail_account (id) ON DELETE CASCADE,
    -- SHA-256 of the Message-ID.
    digest bytea NOT NULL,
    PRIMARY KEY (account, digest)
);

-- backwards
DROP TABLE core_message_erased;
ALTER TABLE core_mail_cursor DROP COLUMN is_sent, DROP COLUMN read_at, DROP COLUMN behind,
    DROP COLUMN received, DROP COLUMN matched, DROP COLUMN errors, DROP COLUMN error;
ALTER TABLE core_mail_account DROP COLUMN folders, DROP COLUMN oauth, DROP COLUMN token,
    DROP COLUMN token_until, DROP COLUMN watcher, DROP COLUMN watched_until;
