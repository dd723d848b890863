-- The sessions of our own role that have the lock, the leader's first: a candidate has it for an instant. What another
-- role's session calls itself counts for nothing. The advisory lock is that of earlier versions.
SELECT a.pid, a.application_name, greatest(a.state_change, a.query_start) AS last_seen, a.xact_start
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.granted AND l.pid <> pg_backend_pid() AND a.usename = session_user
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.locktype = 'relation' AND l.relation = to_regclass('_echodb.leadership') AND l.mode <> 'AccessShareLock'
    OR l.locktype = 'advisory' AND l.objsubid = 1
      AND (l.classid::bigint << 32) + l.objid::bigint = 111477628292165)
ORDER BY l.locktype = 'relation' DESC, a.xact_start
