-- What the check for duplicates compares by (crmkit/records/duplicates.py).
CREATE INDEX crm_company_email_same_idx ON crm_company (lower(email)) WHERE email <> '';
CREATE INDEX crm_person_email_same_idx ON crm_person (lower(email)) WHERE email <> '';
CREATE INDEX crm_lead_email_same_idx ON crm_lead (lower(email)) WHERE email <> '';
CREATE INDEX crm_company_phone_same_idx
    ON crm_company (right(regexp_replace(phone, '\D', '', 'g'), 9)) WHERE phone <> '';
CREATE INDEX crm_person_phone_same_idx
    ON crm_person (right(regexp_replace(phone, '\D', '', 'g'), 9)) WHERE phone <> '';
CREATE INDEX crm_lead_phone_same_idx
    ON crm_lead (right(regexp_replace(phone, '\D', '', 'g'), 9)) WHERE phone <> '';
CREATE INDEX crm_company_website_same_idx
    ON crm_company (lower(split_part(regexp_replace(website, '^https?://(www\.)?', ''), '/', 1)))
    WHERE website <> '';

-- backwards
DROP INDEX crm_company_email_same_idx, crm_person_email_same_idx, crm_lead_email_same_idx,
    crm_company_phone_same_idx, crm_person_phone_same_idx, crm_lead_phone_same_idx,
    crm_company_website_same_idx;
