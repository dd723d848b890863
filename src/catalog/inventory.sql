-- The tables of which watched and mirrored do not agree, and those that are watched and left out on purpose; of one
-- snapshot. $1: the stream; $2: those as well that agree, and of which something has waited to be set right. Columns: oid,
-- schema.name, kind (an enumerator of catalog/inventory.h), reason, evidence.
WITH watched AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, _echodb.is_published(c.oid) AS is_published,
         _echodb.membership_lapsed(c.oid) AS has_lapsed,
         c.relkind = 'p' AND _echodb.tree_has_drifted(c.oid) AS tree_has_drifted,
         _echodb.publishes_changes(c.oid) <> _echodb.is_among_changes(c.oid) AS is_in_another_publication,
         c.relkind = 'r' AND _echodb.is_among_changes(c.oid) AND _echodb.identity_wanted(c.oid) IS NOT NULL AS lacks_identity,
         (SELECT coalesce(string_agg(concat(a.attnum, ' ', a.attname), ',' ORDER BY a.attnum), '')
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
         $2 AND c.relkind = 'p' AND _echodb.tree_has_waiting_identities(c.oid) AS has_waiting_identities,
         -- An UNLOGGED table is none of _echodb.watched_tables(), and is to be named all the same.
         coalesce(_echodb.refusal(c.oid),
           CASE WHEN w.no_pk_policy = 'skip' AND NOT _echodb.is_published(c.oid) AND NOT _echodb.publishes_changes(c.oid)
             THEN 'it has no primary key (ECHODB_NO_PK_POLICY=skip)' END) AS left_out
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace, _echodb.watch w
   WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition AND n.nspname <> '_echodb'
     AND _echodb.is_watched(n.nspname, c.relname)
), mirrored AS (
  SELECT t.oid::oid AS oid, t.state <> 'dropped' AS is_live, v.snapshot IS NOT NULL AS is_described,
         -- A table that stopped has not come to its newest schema, perhaps.
         CASE WHEN t.state <> 'error' THEN (
           SELECT coalesce(string_agg(concat(e.entry ->> 'attnum', ' ', e.entry ->> 'name'), ','
                                      ORDER BY (e.entry ->> 'attnum')::int), '')
             FROM jsonb_array_elements(v.snapshot -> 'columns') e(entry)) END AS columns,
         coalesce((v.snapshot ->> 'schema') || '.' || (v.snapshot ->> 'name'), 'relation ' || t.oid::text) AS name
    FROM _echodb.tables t LEFT JOIN LATERAL (
      SELECT e.snapshot FROM _echodb.table_versions e WHERE e.stream = t.stream AND e.oid = t.oid
       ORDER BY e.lsn DESC LIMIT 1) v ON true
   WHERE t.stream = $1
)
SELECT coalesce(w.oid, m.oid), coalesce(w.name, m.name), found.kind, found.reason,
       CASE WHEN found.kind = 'not_described' THEN concat(w.columns, '|', m.columns) ELSE '' END
  FROM watched w FULL JOIN mirrored m ON m.oid = w.oid
  CROSS JOIN LATERAL (
    SELECT CASE WHEN w.left_out IS NOT NULL AND m.is_live THEN 'not_watched'
                WHEN w.left_out IS NOT NULL THEN 'left_out'
                WHEN w.oid IS NOT NULL AND (m.is_live AND m.is_described) IS NOT TRUE THEN 'not_mirrored'
                WHEN w.oid IS NOT NULL AND (w.has_lapsed OR w.tree_has_drifted OR w.is_in_another_publication
                  OR w.lacks_identity OR NOT w.is_published) THEN 'not_published'
                WHEN w.columns <> m.columns THEN 'not_described'
                WHEN w.has_waiting_identities THEN 'waiting'
                WHEN w.oid IS NULL AND m.is_live AND m.is_described
                  THEN CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = m.oid) THEN 'not_watched'
                            ELSE 'gone' END END AS kind,
           CASE WHEN w.left_out IS NOT NULL AND m.is_live THEN 'mirrored, but it cannot be: ' || w.left_out
                WHEN w.left_out IS NOT NULL THEN w.left_out
                WHEN w.oid IS NOT NULL AND m.oid IS NULL THEN 'watched, but not mirrored: the catalog has no entry of it'
                WHEN w.oid IS NOT NULL AND NOT m.is_live THEN 'watched, but not mirrored: its mirror was dropped'
                WHEN w.oid IS NOT NULL AND NOT m.is_described
                  THEN 'watched, but not mirrored: the catalog has no schema of it'
                WHEN w.has_lapsed THEN 'mirrored, but somebody took it out of the publication for a while'
                WHEN w.is_published AND w.tree_has_drifted
                  THEN 'mirrored, but its partitions are not as they were last seen'
                WHEN w.is_published AND w.is_in_another_publication
                  THEN 'mirrored, but its updates and deletes are not published as ECHODB_NO_PK_POLICY has it'
                WHEN w.is_published AND w.lacks_identity THEN 'mirrored, but without the replica identity that its updates need'
                WHEN w.is_published AND w.columns <> m.columns THEN 'mirrored, but its columns are not as they were last seen'
                WHEN w.has_waiting_identities THEN 'its partitions publish more of an old row than they need to'
                WHEN w.oid IS NOT NULL THEN 'mirrored, but not published: its changes do not arrive'
                WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = m.oid)
                  THEN 'mirrored, but no longer watched'
                ELSE 'mirrored, but its table is gone from the source' END AS reason) found
 WHERE found.kind IS NOT NULL
 ORDER BY 2
