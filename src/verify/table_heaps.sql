-- The heaps of a table and its partitions: which files hold them now, and how many blocks they have. As in table_size.sql.
WITH RECURSIVE part(oid) AS (
  SELECT $1::oid
  UNION
  SELECT i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT c.oid, coalesce(pg_relation_filenode(c.oid), 0),
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int
FROM part JOIN pg_class c USING (oid)
WHERE c.relkind = 'r'
ORDER BY c.oid
