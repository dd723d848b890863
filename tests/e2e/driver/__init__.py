"""Runs two-sided scripts against a real PostgreSQL, a real EchoDB and a real ClickHouse. See ../README.md."""
