-- The heaps of a table and its partitions: which files hold them now, and how many blocks they have.
SELECT c.oid, coalesce(pg_relation_filenode(c.oid), 0),
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int
FROM pg_class c
WHERE c.relkind = 'r'
  AND (c.oid = $1::oid
    OR c.relispartition AND $1::oid IN (SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass)))
ORDER BY c.oid
