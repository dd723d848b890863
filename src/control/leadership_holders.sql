-- The sessions of our own role in this database that have the lock or are there to ask for it, the leader's first: a
-- candidate has the lock for an instant. What another role's session calls itself counts for nothing. The advisory
-- lock is that of earlier versions. A session whose activity is not tracked has no last_seen.
SELECT a.pid::text || ' ' || a.backend_start::text, a.application_name,
  coalesce(greatest(a.state_change, a.query_start)::text, '') AS last_seen, count(l.pid) > 0 AS holds
FROM pg_stat_activity a
LEFT JOIN pg_locks l ON l.pid = a.pid AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.locktype = 'relation' AND l.relation = to_regclass('_echodb.leadership') AND l.mode <> 'AccessShareLock'
    OR l.locktype = 'advisory' AND l.objsubid = 1
      AND (l.classid::bigint << 32) + l.objid::bigint = 111477628292165)
WHERE a.usename = session_user AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND (l.pid IS NOT NULL OR a.application_name LIKE 'echodb leader %')
GROUP BY a.pid, a.application_name, a.backend_start, a.state_change, a.query_start, a.xact_start
ORDER BY bool_or(coalesce(l.locktype = 'relation', false)) DESC, count(l.pid) > 0 DESC, a.xact_start
