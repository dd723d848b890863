-- The tables of the watched schemas ($1), but for the excluded ones ($2: regular expressions for name and schema.name), that the role
-- may not read, or may not publish because it has not the rights of their owner: by schema, owner and what is lacking,
-- with the names of the first few.
WITH relation AS (
  SELECT format('%I', nspname) AS schema_name,
         format('%I', pg_get_userbyid(relowner)) AS owner,
         NOT pg_has_role(relowner, 'USAGE') AS is_foreign,
         NOT has_schema_privilege(namespace.oid, 'USAGE') AS is_closed,
         NOT has_table_privilege(class.oid, 'SELECT') AS is_unreadable,
         format('%I.%I', nspname, relname) AS name
    FROM pg_class AS class
    JOIN pg_namespace AS namespace ON namespace.oid = relnamespace
   WHERE nspname = ANY ($1::text[])
     AND relkind IN ('r', 'p')
     AND relpersistence = 'p'
     AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS pattern
                      WHERE relname ~ pattern OR nspname || '.' || relname ~ pattern)
)
SELECT schema_name, owner, is_foreign, bool_or(is_closed), bool_or(is_unreadable), count(*),
       array_to_string((array_agg(name ORDER BY name))[:5], ', ') || CASE WHEN count(*) > 5 THEN ', ...' ELSE '' END
  FROM relation
 WHERE is_foreign OR is_closed OR is_unreadable
 GROUP BY schema_name, owner, is_foreign
 ORDER BY schema_name, owner, is_foreign
