-- The ordinary tables that others inherit from, at whatever distance, with each of those: oid and schema.name of both,
-- and whether each is watched ($1: the schemas, $2: regular expressions for name and schema.name of what is excluded).
-- PostgreSQL's SELECT from the first returns the rows of the second too, in whichever schema it is. Partitions travel
-- under their root and are none of these, but for those that are foreign tables, whose rows are in no log of this server
-- (the last column: whether the first is such a root); a temporary table is its own session's.
WITH RECURSIVE link AS (
  SELECT i.inhparent AS parent, i.inhrelid AS heir
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
   WHERE NOT c.relispartition AND c.relkind IN ('r', 'f') AND c.relpersistence <> 't'
  UNION ALL
  SELECT pg_catalog.pg_partition_root(c.oid), c.oid FROM pg_catalog.pg_class c WHERE c.relispartition AND c.relkind = 'f'
), reached AS (
  SELECT parent, heir FROM link
  UNION
  SELECT r.parent, l.heir FROM reached r JOIN link l ON l.parent = r.heir
), relation AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind,
         c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname = ANY ($1::text[])
           AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS pattern
                            WHERE c.relname ~ pattern OR n.nspname || '.' || c.relname ~ pattern) AS is_watched
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid IN (SELECT parent FROM link UNION SELECT heir FROM link)
)
SELECT parent.oid, parent.name, parent.is_watched, heir.oid, heir.name, heir.is_watched, parent.relkind = 'p'
  FROM reached JOIN relation parent ON parent.oid = reached.parent JOIN relation heir ON heir.oid = reached.heir
 WHERE parent.relkind IN ('r', 'p')
 ORDER BY parent.name, parent.oid, heir.name
