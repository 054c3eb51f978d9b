-- Whoever changes a person's role or switches the person off, by whatever way (form, bulk edit,
-- import, undo, command line), ends that person's sessions in the same transaction.
CREATE FUNCTION core_end_sessions() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM core_session WHERE user_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER core_user_end_sessions AFTER UPDATE ON core_user
FOR EACH ROW WHEN (
    OLD.role IS DISTINCT FROM NEW.role
    OR OLD.active AND NOT NEW.active
    OR OLD.trashed_at IS NULL AND NEW.trashed_at IS NOT NULL
)
EXECUTE FUNCTION core_end_sessions();

CREATE INDEX core_session_expires_idx ON core_session (expires_at);
CREATE INDEX core_limit_at_idx ON core_limit (at);

-- backwards
DROP INDEX core_limit_at_idx;
DROP INDEX core_session_expires_idx;
DROP TRIGGER core_user_end_sessions ON core_user;
DROP FUNCTION core_end_sessions();
