-- The relations to lock before the tables of $1 (an oid[]) are read: they and the partitioned tables above them, in the
-- order in which PostgreSQL's own commands lock a tree: each level after the one above it, and by oid within.
SELECT c.oid, format('%I.%I', n.nspname, c.relname)
FROM (SELECT given.relation FROM unnest($1::oid[]) AS given(relation)
      UNION
      SELECT above.relid::oid FROM unnest($1::oid[]) AS given(relation), pg_partition_ancestors(given.relation::regclass) above
     ) AS wanted
JOIN pg_class c ON c.oid = wanted.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
  SELECT coalesce(array_agg(above.relid::oid ORDER BY above.place DESC), ARRAY[c.oid])
  FROM pg_partition_ancestors(c.oid::regclass) WITH ORDINALITY AS above(relid, place)) AS way(path)
-- The rows are the partitions': a role may have no right to read what is above them, nor then to lock it.
WHERE c.oid = ANY ($1::oid[]) OR has_table_privilege(c.oid, 'SELECT')
ORDER BY cardinality(way.path), way.path
