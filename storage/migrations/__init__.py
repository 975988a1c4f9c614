"""Alembic revisions, oldest first. Each file says what an operator gains by it."""
