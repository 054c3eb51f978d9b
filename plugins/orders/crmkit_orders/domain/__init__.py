"""The rules of orders: pure, without I/O, clock or framework. Numbers are Decimal."""
