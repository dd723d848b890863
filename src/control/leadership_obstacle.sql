-- Who keeps everybody from leading, of whatever role: one line.
SELECT string_agg(DISTINCT format('server process %s of role %s has %s on _echodb.leadership', l.pid,
    coalesce(a.usename, 'unknown'), l.mode), '; ')
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'relation' AND l.relation = to_regclass('_echodb.leadership') AND l.mode <> 'AccessShareLock'
  AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
