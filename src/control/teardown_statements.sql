-- What takes EchoDB out of the tables of a source, a row each: what it is, the table, the statement, and why it is to stay;
-- NULL: nothing speaks against it. $1: our publications; whatever else publishes a table is the application's.
--
-- The replica identities that we set, back to what they were. Where the application has published a table's changes
-- meanwhile, its updates would fail without what we set.
SELECT 'replica identity' AS kind, c.oid::regclass::text AS relation,
       format('ALTER TABLE %I.%I REPLICA IDENTITY %s', n.nspname, c.relname, back.identity) AS statement,
       CASE WHEN back.identity <> 'FULL' AND NOT back.identifies AND EXISTS (
         SELECT FROM pg_publication p, pg_get_publication_tables(p.pubname) t
         WHERE (p.pubupdate OR p.pubdelete) AND p.pubname::text <> ALL ($1::text[]) AND t.relid IN (c.oid, pg_partition_root(c.oid)))
       THEN 'a publication of the application''s needs it' END AS stays,
       c.oid AS id
FROM _echodb.identity_set s
  JOIN pg_class c ON c.oid = s.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL (SELECT (
    SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE s.identity_before = 'i' AND i.indexrelid = s.index_before AND i.indrelid = c.oid AND i.indisunique AND i.indisvalid
      AND i.indimmediate AND i.indpred IS NULL
      AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) k LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k
                      WHERE a.attnotnull IS NOT TRUE)) AS index,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS has_key) found
  CROSS JOIN LATERAL (SELECT
    CASE WHEN found.index IS NOT NULL THEN format('USING INDEX %I', found.index) WHEN s.identity_before = 'n' THEN 'NOTHING'
         WHEN s.identity_before = 'f' THEN 'FULL' ELSE 'DEFAULT' END AS identity,
    found.index IS NOT NULL OR s.identity_before <> 'n' AND found.has_key AS identifies,
    CASE WHEN found.index IS NOT NULL THEN 'i' WHEN s.identity_before IN ('n', 'f') THEN s.identity_before ELSE 'd' END AS letter) back
-- An index is the application's choice, made after ours.
WHERE c.relreplident NOT IN ('i', back.letter)
UNION ALL
SELECT 'trigger', t.tgrelid::regclass::text, format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname), NULL, c.oid
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgname = 'echodb_partition_truncate' AND NOT t.tgisinternal AND t.tgparentid = 0
  AND t.tgfoid = to_regprocedure('_echodb.on_partition_truncate()')
ORDER BY 1, 2;
