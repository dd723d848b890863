-- A table as the source has it now, one row per live column: its number, its name and type as SQL needs them, the
-- table, and for a generated column its expression and the numbers of the columns that it reads.
SELECT a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  format('%s%I.%I', CASE c.relkind WHEN 'r' THEN 'ONLY ' END, n.nspname, c.relname),
  CASE WHEN a.attgenerated <> '' THEN pg_get_expr(e.adbin, e.adrelid) END,
  (SELECT string_agg(DISTINCT d.refobjsubid::text, ',')
   FROM pg_depend d
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid NOT IN (0, a.attnum)
     AND ((d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum)
       OR (d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid)))
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
