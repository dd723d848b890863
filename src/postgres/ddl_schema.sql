-- Run first in an installation, and safe to run again. Who may own what is in this schema: own_schema.h.

CREATE SCHEMA IF NOT EXISTS _echodb;
