-- Amounts have the places of their currency: three of KWD, four of CLF. What is stored stays as it
-- is; a column without places of its own needs no rewriting.
ALTER TABLE core_stage_history ALTER COLUMN amount TYPE numeric;

-- backwards
ALTER TABLE core_stage_history ALTER COLUMN amount TYPE numeric(18, 2);
