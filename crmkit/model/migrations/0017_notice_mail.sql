-- Notices by mail: `mail` is how one still has to be sent, "" is not or no more. What a person is
-- told by mail alone does not stand in the inbox.
ALTER TABLE core_notification ADD COLUMN in_app boolean NOT NULL DEFAULT true,
    ADD COLUMN mail text NOT NULL DEFAULT '' CHECK (mail IN ('', 'mail', 'digest'));
DROP INDEX core_notification_unread_idx;
CREATE INDEX core_notification_unread_idx ON core_notification (user_id)
    WHERE read_at IS NULL AND in_app;
CREATE INDEX core_notification_mail_idx ON core_notification (user_id, mail) WHERE mail <> '';

-- When mail may come, by the wall clock of the person; without a row the defaults hold.
CREATE TABLE core_notification_settings (
    user_id bigint PRIMARY KEY REFERENCES core_user (id) ON DELETE CASCADE,
    quiet_from time,
    quiet_to time,
    quiet_weekends boolean NOT NULL,
    digest_at time NOT NULL,
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)), CHECK (quiet_from <> quiet_to)
);

-- backwards
DELETE FROM core_job WHERE plugin = 'core' AND name = 'core.tell_by_mail';
DROP TABLE core_notification_settings;
DELETE FROM core_notification WHERE NOT in_app;
DROP INDEX core_notification_unread_idx;
ALTER TABLE core_notification DROP COLUMN in_app, DROP COLUMN mail;
CREATE INDEX core_notification_unread_idx ON core_notification (user_id) WHERE read_at IS NULL;
