-- The tables of the watched schemas ($1), but for the excluded ones ($2: globs for name and schema.name), that the role
-- may not read, or may not publish because it does not own them.
WITH excluded AS (
  SELECT replace(replace(replace(replace(glob, '\', '\\'), '_', '\_'), '*', '%'), '?', '_') AS pattern
    FROM unnest($2::text[]) AS glob
)
SELECT format('%I', nspname),
       format('%I.%I', nspname, relname),
       has_schema_privilege(namespace.oid, 'USAGE') AND has_table_privilege(class.oid, 'SELECT')
  FROM pg_class AS class
  JOIN pg_namespace AS namespace ON namespace.oid = relnamespace
 WHERE nspname = ANY ($1::text[])
   AND relkind IN ('r', 'p')
   AND relpersistence = 'p'
   AND NOT EXISTS (SELECT FROM excluded WHERE relname LIKE pattern OR nspname || '.' || relname LIKE pattern)
   AND NOT (has_schema_privilege(namespace.oid, 'USAGE')
            AND has_table_privilege(class.oid, 'SELECT')
            AND pg_has_role(relowner, 'USAGE'))
 ORDER BY 2
