-- Amounts have the places of their currency.
ALTER TABLE crm_opportunity ALTER COLUMN amount TYPE numeric;

-- backwards
ALTER TABLE crm_opportunity ALTER COLUMN amount TYPE numeric(18, 2);
