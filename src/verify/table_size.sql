-- The planner's idea of how many rows a table with its partitions has, and how large they are.
SELECT coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples
                         ELSE pg_relation_size(c.oid) / 64 END), 0)::bigint,
  coalesce(sum(pg_table_size(c.oid)), 0)::bigint
FROM (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1::oid)) part JOIN pg_class c USING (oid)
WHERE c.relkind = 'r'
