-- Mail templates are records: with history, trash and rights as all of them. Accounts answer.
ALTER TABLE core_mail_template
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN created_by bigint REFERENCES core_user (id) ON DELETE SET NULL,
    ADD COLUMN updated_by bigint REFERENCES core_user (id) ON DELETE SET NULL,
    ADD COLUMN owner bigint REFERENCES core_user (id) ON DELETE SET NULL,
    ADD COLUMN team bigint REFERENCES core_team (id) ON DELETE SET NULL,
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN custom jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN trashed_at timestamptz,
    ADD COLUMN name_key text GENERATED ALWAYS AS (lower(crm_unaccent(name))) STORED,
    ALTER COLUMN language SET DEFAULT '',
    ALTER COLUMN body SET DEFAULT '';
DROP INDEX core_mail_template_key;
-- Of those that do not lie in the trash, one for each language.
CREATE UNIQUE INDEX core_mail_template_name_once
    ON core_mail_template (lower(name), entity, language) WHERE trashed_at IS NULL;
CREATE INDEX core_mail_template_name_key_idx ON core_mail_template (name_key, id);
CREATE INDEX core_mail_template_name_key_trgm
    ON core_mail_template USING gin (name_key gin_trgm_ops);
CREATE INDEX core_mail_template_owner_idx ON core_mail_template (owner);
INSERT INTO core_search (entity, record, title, body)
SELECT 'core.mail_template', id, name, subject || ' ' || body FROM core_mail_template;

ALTER TABLE core_mail_account
    -- Name of the mail template that answers the first message of a conversation; empty is none.
    ADD COLUMN receipt text NOT NULL DEFAULT '',
    -- What went wrong with sending last: reading, which goes well each minute, must not clear it.
    ADD COLUMN send_error text NOT NULL DEFAULT '';

-- backwards
ALTER TABLE core_mail_account DROP COLUMN send_error, DROP COLUMN receipt;
DELETE FROM core_search WHERE entity = 'core.mail_template';
DELETE FROM core_mail_template WHERE trashed_at IS NOT NULL;
DROP INDEX core_mail_template_owner_idx, core_mail_template_name_key_trgm,
    core_mail_template_name_key_idx, core_mail_template_name_once;
ALTER TABLE core_mail_template DROP COLUMN name_key, DROP COLUMN trashed_at, DROP COLUMN custom,
    DROP COLUMN version, DROP COLUMN team, DROP COLUMN owner, DROP COLUMN updated_by,
    DROP COLUMN created_by, DROP COLUMN created_at, ALTER COLUMN language DROP DEFAULT,
    ALTER COLUMN body DROP DEFAULT;
CREATE UNIQUE INDEX core_mail_template_key ON core_mail_template (lower(name), entity, language);
