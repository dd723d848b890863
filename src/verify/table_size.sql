-- The planner's idea of how many rows a table with its partitions has, and how large they are. pg_partition_tree would lock
-- each partition, and wait for whoever has locked one.
WITH RECURSIVE part(oid) AS (
  SELECT $1::oid
  UNION
  SELECT i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples
                         ELSE pg_relation_size(c.oid) / 64 END), 0)::bigint,
  coalesce(sum(pg_table_size(c.oid)), 0)::bigint
FROM part JOIN pg_class c USING (oid)
WHERE c.relkind = 'r'
