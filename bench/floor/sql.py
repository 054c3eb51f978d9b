"""The floor's statements. $1 and $2 of each are the reader and the reader's teams."""

SESSION = """
SELECT u.id, u.name, u.role, array_remove(ARRAY[u.team], NULL) AS teams
FROM core_session s JOIN core_user u ON u.id = s.user_id
WHERE s.id = $1 AND s.expires_at > now() AND u.active AND u.trashed_at IS NULL
"""
OWN = "(t.owner = $1::bigint OR t.team = ANY($2::bigint[]))"
#: Keeps the numbers of the arguments.
ALL = "($1::bigint IS NOT NULL AND $2::bigint[] IS NOT NULL)"

_COLUMNS = """
SELECT t.id, t.name, t.name_key, t.job_title, t.company, c.name AS company_name, t.email, t.phone,
    t.owner, u.name AS owner_name
"""
_JOINS = "LEFT JOIN crm_company c ON c.id = t.company LEFT JOIN core_user u ON u.id = t.owner"
LIST = f"""
{_COLUMNS} FROM (
    SELECT * FROM crm_person t
    WHERE {OWN} AND t.trashed_at IS NULL AND (t.name_key, t.id) > ($3, $4)
    ORDER BY t.name_key, t.id LIMIT $5
) t {_JOINS} ORDER BY t.name_key, t.id
"""  # noqa: S608 - nothing but constants
FOUND = f"""
WITH found AS MATERIALIZED (
    SELECT * FROM crm_person t WHERE {OWN} AND t.trashed_at IS NULL AND t.name_key LIKE $3
    LIMIT 3000
)
{_COLUMNS} FROM (SELECT * FROM found ORDER BY name_key, id LIMIT $4) t {_JOINS}
ORDER BY t.name_key, t.id
"""  # noqa: S608
RECORD = f"""
SELECT t.*, c.name AS company_name, u.name AS owner_name,
    (SELECT jsonb_agg(jsonb_build_object('text', a.subject, 'at', a.done_at) ORDER BY a.done_at)
        FROM (SELECT * FROM crm_activity WHERE person = t.id AND trashed_at IS NULL
            ORDER BY done_at DESC LIMIT 50) a)::text AS calls,
    (SELECT jsonb_agg(jsonb_build_object('action', j.action, 'after', j.after, 'at', j.at))
        FROM (SELECT * FROM core_journal WHERE entity = 'crm.person' AND record = t.id
            ORDER BY id DESC LIMIT 50) j)::text AS changes
FROM crm_person t {_JOINS} WHERE {OWN} AND t.trashed_at IS NULL AND t.id = $3
"""  # noqa: S608
SEARCH = f"""
WITH found AS MATERIALIZED (
    SELECT entity, record, title, body FROM core_search
    WHERE NOT trashed AND folded LIKE $3 LIMIT 3000
)
SELECT f.entity, f.record AS id, f.title, f.body FROM found f
JOIN crm_person t ON t.id = f.record AND f.entity = 'crm.person' WHERE {OWN}
ORDER BY f.title, f.record LIMIT 20
"""  # noqa: S608
SIMILAR = f"""
SELECT 'crm.person' AS entity, t.id, t.name AS title, t.email AS body FROM crm_person t
WHERE {OWN} AND t.trashed_at IS NULL AND t.id IN (
    (SELECT id FROM crm_person WHERE name_key % $3 ORDER BY similarity(name_key, $3) DESC LIMIT 10)
    UNION ALL
    (SELECT id FROM crm_person WHERE lower(email) = $4 AND email <> '' LIMIT 10)
    UNION ALL
    (SELECT id FROM crm_person WHERE right(regexp_replace(phone, '\\D', '', 'g'), 9) = $5
        AND phone <> '' LIMIT 10)
) ORDER BY similarity(t.name_key, $3) DESC, t.id LIMIT 5
"""  # noqa: S608
CREATE = """
WITH made AS (
    INSERT INTO crm_person (owner, team, name, email, phone, city, created_by, updated_by)
    VALUES ($1, $2, $3, $4, $5, $6, $1, $1) RETURNING *
), operation AS (
    INSERT INTO core_operation (kind, label, cause, user_id) VALUES ('create', 'Person', 'page', $1)
    RETURNING id
), journal AS (
    INSERT INTO core_journal (operation, entity, record, action, after, user_id, cause)
    SELECT operation.id, 'crm.person', made.id, 'create', jsonb_build_object('name', made.name,
        'email', made.email, 'phone', made.phone, 'city', made.city), $1, 'page'
    FROM made, operation
), search AS (
    INSERT INTO core_search (entity, record, title, body)
    SELECT 'crm.person', id, name, concat_ws(' ', email, phone, city) FROM made
)
SELECT id FROM made
"""
EXPORT = f"""
SELECT t.id, t.name, t.job_title, c.name AS company, t.email, t.phone, t.city, t.language,
    t.source, t.notes, u.name AS owner, t.created_at, t.updated_at
FROM crm_person t {_JOINS} WHERE {OWN} AND t.trashed_at IS NULL ORDER BY t.id
"""  # noqa: S608
