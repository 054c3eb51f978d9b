-- How much of its goods was not there when a line was promised: what comes free moves just these.

ALTER TABLE orders_order_line ADD COLUMN lacks numeric(18, 4);
-- How much it was is not known of lines so far: all that wait are looked at the next time.
UPDATE orders_order_line l SET lacks = l.open_quantity
WHERE l.trashed_at IS NULL AND l.open_quantity > 0
AND (l.goods_on IS NOT NULL OR l.ready_at > now() OR EXISTS (
    SELECT FROM orders_product p WHERE p.is_stocked AND p.reserved > coalesce(p.on_hand, 0)
    AND (p.id = l.product OR p.id IN (SELECT b.product FROM orders_bundle_part b
        WHERE b.bundle = l.product AND b.trashed_at IS NULL))));
CREATE INDEX orders_order_line_lacks_idx ON orders_order_line (product) WHERE lacks > 0;

-- backwards
DROP INDEX orders_order_line_lacks_idx;
ALTER TABLE orders_order_line DROP COLUMN lacks;
