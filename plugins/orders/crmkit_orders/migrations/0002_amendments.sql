-- What was confirmed, to tell what changed since; what came back and is sold again or not; guards.

ALTER TABLE orders_order ADD COLUMN most_discount numeric(7, 4),
    ADD COLUMN confirmed_to text NOT NULL DEFAULT '';
ALTER TABLE orders_order_line ADD COLUMN confirmed_net numeric(18, 2);
ALTER TABLE orders_delivery ADD COLUMN restock boolean NOT NULL DEFAULT true;
ALTER TABLE orders_plan ADD COLUMN day bigint;

UPDATE orders_order SET confirmed_to = deliver_to WHERE confirmed_at IS NOT NULL;
UPDATE orders_order_line SET confirmed_net = net WHERE confirmed IS NOT NULL;
UPDATE orders_plan SET day = extract(day FROM next_on) WHERE next_on IS NOT NULL;

-- No two documents have one number, whatever gave it.
CREATE UNIQUE INDEX orders_quote_number_key ON orders_quote (number);
CREATE UNIQUE INDEX orders_order_number_key ON orders_order (number);
CREATE UNIQUE INDEX orders_delivery_number_key ON orders_delivery (number);
CREATE UNIQUE INDEX orders_receipt_number_key ON orders_receipt (number);
-- An order is at one step at a time.
CREATE UNIQUE INDEX orders_step_active_key ON orders_step ("order")
    WHERE state = 'active' AND trashed_at IS NULL;

-- backwards
DROP INDEX orders_step_active_key, orders_receipt_number_key, orders_delivery_number_key,
    orders_order_number_key, orders_quote_number_key;
ALTER TABLE orders_plan DROP COLUMN day;
ALTER TABLE orders_delivery DROP COLUMN restock;
ALTER TABLE orders_order_line DROP COLUMN confirmed_net;
ALTER TABLE orders_order DROP COLUMN most_discount, DROP COLUMN confirmed_to;
