"""Durable facts, in SQLite or PostgreSQL. Functions take a connection; `Store` gives transactions."""
