-- The heaps of a table and its partitions: which files hold them now, and how many blocks they have.
SELECT c.oid, coalesce(pg_relation_filenode(c.oid), 0),
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int
FROM (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1::oid)) part JOIN pg_class c USING (oid)
WHERE c.relkind = 'r'
ORDER BY c.oid
