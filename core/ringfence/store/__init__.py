"""What must outlive the process: one schema for SQLite and PostgreSQL, and transactions that cannot be cut in half."""
