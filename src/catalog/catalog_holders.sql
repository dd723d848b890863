-- The sessions that have a lock on a table of _echodb, the oldest transaction first: one line. NULL: none has.
SELECT string_agg(format('pid %s (%s%s, since %s: %s)', pid, usename, coalesce(' ' || nullif(application_name, ''), ''),
                         to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'), tables), ', ' ORDER BY xact_start)
  FROM (SELECT a.pid, a.usename, a.application_name, a.xact_start,
               string_agg(DISTINCT c.relname, ' ' ORDER BY c.relname) AS tables
          FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND c.relnamespace = to_regnamespace('_echodb') AND c.relkind = 'r'
         GROUP BY a.pid, a.usename, a.application_name, a.xact_start
         ORDER BY a.xact_start LIMIT 3) AS holders
