"""How the database came to its shape. After the first two only additive changes: SQLite rebuilds lose indexes."""
