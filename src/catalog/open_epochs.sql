-- Earlier epochs of other workers that nobody has ended: their workers may still write. $1, $2: the epoch that asks and
-- its holder; $3: how long a lease of an earlier version lasts, in milliseconds. No row: the epoch is not there. One
-- row without a number: no earlier epoch is open.
SELECT earlier.epoch, earlier.worker, earlier.process, coalesce(earlier.lease_ms, $3::bigint), earlier.direct,
       array_to_string(earlier.sessions, ','),
       EXISTS (SELECT FROM unnest(earlier.sessions) s JOIN pg_stat_activity a ON a.pid = split_part(s, ' ', 1)::int),
       cardinality(asking.sessions) = (SELECT count(*) FROM pg_stat_activity a
                                       WHERE a.pid::text || ' ' || a.backend_start::text = ANY (asking.sessions))
FROM _echodb.leaders asking
LEFT JOIN _echodb.leaders earlier
  ON earlier.epoch < asking.epoch AND earlier.holder IS DISTINCT FROM asking.holder
  AND earlier.resigned_at IS NULL AND earlier.stopped_at IS NULL
WHERE asking.epoch = $1 AND asking.holder = $2
