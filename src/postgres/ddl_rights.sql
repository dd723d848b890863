-- Nobody but the owner has a right to anything in _echodb. Run last in an installation, and safe to run again.

REVOKE ALL ON SCHEMA _echodb FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA _echodb FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA _echodb FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA _echodb FROM PUBLIC;
