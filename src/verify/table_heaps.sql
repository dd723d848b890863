-- The heaps of a table and its partitions: which files hold them now, and how many blocks they have.
SELECT c.oid, coalesce(pg_relation_filenode(c.oid), 0),
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int
FROM pg_class c
WHERE c.relkind = 'r'
  AND (c.oid = $1::oid OR c.oid IN (SELECT relid FROM pg_partition_tree($1::oid::regclass)))
ORDER BY c.oid
