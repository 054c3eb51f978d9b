-- Links of clients, orders of agreements; indexes by which clients are chosen by their orders.

CREATE INDEX orders_order_company_sold_idx ON orders_order (company, confirmed_at)
    INCLUDE (currency, gross) WHERE trashed_at IS NULL AND state NOT IN ('draft', 'cancelled');
CREATE INDEX orders_order_person_sold_idx ON orders_order (person, confirmed_at)
    INCLUDE (currency, gross) WHERE trashed_at IS NULL AND state NOT IN ('draft', 'cancelled');
CREATE INDEX orders_order_sold_idx ON orders_order (confirmed_at)
    WHERE trashed_at IS NULL AND state NOT IN ('draft', 'cancelled');

-- backwards
DROP INDEX orders_order_sold_idx, orders_order_person_sold_idx, orders_order_company_sold_idx;
