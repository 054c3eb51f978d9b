-- What a lead was converted to.
ALTER TABLE crm_lead
    ADD COLUMN person bigint REFERENCES crm_person (id) ON DELETE SET NULL,
    ADD COLUMN opportunity bigint REFERENCES crm_opportunity (id) ON DELETE SET NULL;

CREATE INDEX crm_lead_person_idx ON crm_lead (person);
CREATE INDEX crm_lead_opportunity_idx ON crm_lead (opportunity);

-- backwards
ALTER TABLE crm_lead DROP COLUMN person, DROP COLUMN opportunity;
