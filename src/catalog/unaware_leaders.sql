-- The workers that may still write, because their lock went with its server and they have not said that they have
-- stopped. $1: the epoch that asks; $2: how many milliseconds a lease lasts. No row: the epoch is not there.
-- A lease was extended for the last time before the next epoch began, whoever began it. Where both had their lock from
-- the same server, the lock has put them in order. Times are taken from the rows alone: asked again, the answer changes
-- only when somebody stops, whatever happens to the server's clock.
SELECT string_agg(DISTINCT earlier.worker, ', ')
FROM _echodb.leaders asking
LEFT JOIN (
  SELECT epoch, worker, server_started_at, resigned_at, stopped_at,
         lead(began_at) OVER by_epoch AS followed_at, lead(server_started_at) OVER by_epoch AS followed_on
  FROM _echodb.leaders
  WINDOW by_epoch AS (ORDER BY epoch)
) earlier
  ON earlier.epoch < asking.epoch AND earlier.worker <> asking.worker
  AND earlier.resigned_at IS NULL AND earlier.stopped_at IS NULL
  AND earlier.server_started_at <> coalesce(earlier.followed_on, asking.server_started_at)
  AND earlier.followed_at > asking.began_at - $2::float8 * interval '1 millisecond'
WHERE asking.epoch = $1
GROUP BY asking.epoch
