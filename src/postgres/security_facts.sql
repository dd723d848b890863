-- Who can do what in the source that concerns EchoDB, in one row. $1: the watched schemas. Roles that can log in and are
-- no superusers, who can do everything anyway.
WITH other AS (
  SELECT r.oid, r.rolname, r.rolreplication FROM pg_roles r
  WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user
)
SELECT coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false),
  coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true),
  has_function_privilege('public', 'pg_logical_emit_message(boolean, text, text)', 'EXECUTE')
    OR has_function_privilege('public', 'pg_logical_emit_message(boolean, text, bytea)', 'EXECUTE'),
  (SELECT string_agg(format('%I', o.rolname), ', ') FROM other o
   WHERE to_regclass('_echodb.message_key') IS NOT NULL AND has_schema_privilege(o.oid, '_echodb', 'USAGE')
     AND has_table_privilege(o.oid, '_echodb.message_key', 'SELECT')),
  (SELECT string_agg(format('%I', o.rolname), ', ') FROM other o
   WHERE to_regnamespace('_echodb') IS NOT NULL AND has_schema_privilege(o.oid, '_echodb', 'CREATE')),
  (SELECT string_agg(format('%I', o.rolname), ', ') FROM other o WHERE o.rolreplication),
  (SELECT string_agg(format('%I', n.nspname), ', ') FROM pg_namespace n
   WHERE n.nspname = ANY ($1::text[]) AND has_schema_privilege('public', n.oid, 'CREATE')),
  (SELECT string_agg(format('%I', t.evtname), ', ') FROM pg_event_trigger t
   WHERE t.evtfoid IN (SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                       WHERE n.nspname = '_echodb') AND t.evtenabled <> 'A'),
  (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user),
  current_user
