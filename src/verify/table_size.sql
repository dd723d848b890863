-- The planner's idea of how many rows a table with its partitions has, and how large they are.
SELECT coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples
                         ELSE pg_relation_size(c.oid) / 64 END), 0)::bigint,
  coalesce(sum(pg_table_size(c.oid)), 0)::bigint
FROM pg_class c
WHERE c.relkind = 'r'
  AND (c.oid = $1::oid
    OR c.relispartition AND $1::oid IN (SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass)))
