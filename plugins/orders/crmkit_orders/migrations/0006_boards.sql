-- Boards show final states of this month only, and of each holder the most urgent steps.

ALTER TABLE orders_order ADD COLUMN closed_on date;
UPDATE orders_order SET closed_on = updated_at::date WHERE state IN ('closed', 'cancelled');
CREATE INDEX orders_step_urgent_idx ON orders_step (coalesce(holder, 0), due_at, id)
    WHERE state = 'active';

-- backwards
DROP INDEX orders_step_urgent_idx;
ALTER TABLE orders_order DROP COLUMN closed_on;
