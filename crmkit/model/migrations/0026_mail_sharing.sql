-- Rules of a person's own account: which of its mail the team sees from the beginning.
ALTER TABLE core_mail_account
    ADD COLUMN share_with text[] NOT NULL DEFAULT '{}',
    ADD COLUMN keep_private text[] NOT NULL DEFAULT '{}';

-- backwards
ALTER TABLE core_mail_account DROP COLUMN keep_private, DROP COLUMN share_with;
