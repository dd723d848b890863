"""Plays a workload against a source with EchoDB and one without, and compares. See ../README.md."""
