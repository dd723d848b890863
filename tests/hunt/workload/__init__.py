"""Random statements from one seed. See ../README.md."""
