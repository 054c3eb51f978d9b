"""The database: server, pool, transactions, schema."""
