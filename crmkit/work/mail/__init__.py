"""Mail without a database: reading messages, cutting and cleaning them, writing and moving them."""
