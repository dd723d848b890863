-- How many relations of the watched schemas ($1), but for the excluded ones ($2), are of each kind that matters to
-- replication, and the names of the first few.
WITH relation AS (
  SELECT class.oid, format('%I.%I', nspname, relname) AS name,
         CASE WHEN relkind = 'f' THEN 'foreign tables'
              WHEN relkind = 'm' THEN 'materialized views'
              WHEN relpersistence = 'u' THEN 'unlogged'
              WHEN EXISTS (SELECT FROM pg_index WHERE indrelid = class.oid AND indisvalid
                              AND (indisreplident OR (indisprimary AND indimmediate))) THEN 'with a key'
              ELSE 'without a key' END AS kind
    FROM pg_class AS class
    JOIN pg_namespace AS namespace ON namespace.oid = relnamespace
   WHERE nspname = ANY ($1::text[]) AND relkind IN ('r', 'p', 'f', 'm') AND relpersistence <> 't' AND NOT relispartition
     AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS pattern
                      WHERE relname ~ pattern OR nspname || '.' || relname ~ pattern)
)
SELECT kind, count(*),
       '(' || array_to_string((array_agg(name ORDER BY name))[:5], ', ')
         || CASE WHEN count(*) > 5 THEN ', ...' ELSE '' END || ')'
  FROM relation GROUP BY kind ORDER BY kind
