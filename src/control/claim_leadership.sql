-- Begins a transaction that keeps ROW SHARE on _echodb.leadership when the answer is true; it is to be rolled back when
-- it is false. EXCLUSIVE conflicts with the ROW SHARE of every other session, not with the own one, and goes with the
-- inner block. An exception that PL/pgSQL catches is not in the server's log. No xid, no snapshot remains.
BEGIN ISOLATION LEVEL READ COMMITTED;
DO $$
BEGIN
  LOCK TABLE _echodb.leadership IN ROW SHARE MODE NOWAIT;
  BEGIN
    LOCK TABLE _echodb.leadership IN EXCLUSIVE MODE NOWAIT;
    RAISE EXCEPTION USING ERRCODE = 'EL001';
  EXCEPTION WHEN SQLSTATE 'EL001' THEN
    PERFORM set_config('_echodb.leads', 'on', true);
  END;
EXCEPTION WHEN lock_not_available THEN
  NULL;
END $$;
-- Workers of an earlier version know only this advisory lock. One of our own role that has it leads; anybody else's
-- hold on it means nothing.
SELECT CASE
  WHEN coalesce(current_setting('_echodb.leads', true), '') <> 'on' THEN false
  WHEN pg_try_advisory_lock(111477628292165) THEN true
  ELSE NOT EXISTS (
    SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32) + l.objid::bigint = 111477628292165 AND a.usename = session_user)
  END;
