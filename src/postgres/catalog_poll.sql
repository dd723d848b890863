-- Without event triggers, schema changes are found by looking: replication/catalog_poll.

-- Every table of a stream, or that should be one, with a digest of what it is now, and what has to be put into the log
-- for the stream to know: 'describe' when that is not what is written down (of a partitioned table it might be its
-- partitions), 'drop', 'unwatch', or nothing.
CREATE OR REPLACE FUNCTION _echodb.look_through(stream_name text)
RETURNS TABLE (relation oid, digest text, wanted text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT t, md5(concat(present.entry, present.tree)),
         CASE WHEN known.snapshot IS NULL OR known.snapshot - 'relfilenode' <> present.entry
                OR present.entry ->> 'relkind' = 'p' THEN 'describe' ELSE '' END
    FROM _echodb.watched_tables() t
    CROSS JOIN LATERAL (
      SELECT _echodb.table_snapshot(t) - 'relfilenode' AS entry,
             (SELECT string_agg(p::text, ' ' ORDER BY p) FROM unnest(_echodb.tree_below(t)) p) AS tree) AS present
    LEFT JOIN LATERAL (
      SELECT v.snapshot FROM _echodb.table_versions v JOIN _echodb.tables k ON k.stream = v.stream AND k.oid = v.oid
       WHERE v.stream = stream_name AND v.oid = t::bigint AND k.state <> 'dropped' ORDER BY v.lsn DESC LIMIT 1) AS known
      ON true
   WHERE present.entry IS NOT NULL
  UNION ALL
  SELECT k.oid::oid, '', CASE WHEN c.oid IS NULL THEN 'drop' ELSE 'unwatch' END
    FROM _echodb.tables k LEFT JOIN pg_class c ON c.oid = k.oid::oid
   WHERE k.stream = stream_name AND k.state <> 'dropped' AND k.oid::oid NOT IN (SELECT t FROM _echodb.watched_tables() t)
$$;
