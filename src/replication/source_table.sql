-- A table as the source has it now, one row per live column: its number, its name and type as SQL needs them, the
-- table; for a generated column its expression, the numbers of the columns that it reads, and whether nothing but
-- PostgreSQL's own is in it; and for look-ups how its values are given and compared: source_table.h.
WITH column_type AS (
  SELECT a.attnum, base.type_oid, base.typmod, base.kind, e.oid AS element, e.typtype AS element_kind,
    b.typarray AS array_oid, base_schema.nspname AS base_schema, declared_schema.nspname AS declared_schema,
    -- An operator of the type's own, of an extension maybe, could only be found by its name.
    NOT EXISTS (
      SELECT FROM pg_opclass oc JOIN pg_am m ON m.oid = oc.opcmethod AND m.amname = 'btree'
        JOIN pg_namespace n ON n.oid = oc.opcnamespace
      WHERE oc.opcintype = base.type_oid AND oc.opcdefault AND n.nspname <> 'pg_catalog') AS comparable
  FROM pg_attribute a CROSS JOIN LATERAL _echodb.base_type(a.atttypid, a.atttypmod) base
  JOIN pg_type b ON b.oid = base.type_oid JOIN pg_namespace base_schema ON base_schema.oid = b.typnamespace
  JOIN pg_type declared ON declared.oid = a.atttypid
  JOIN pg_namespace declared_schema ON declared_schema.oid = declared.typnamespace
  LEFT JOIN pg_type e ON e.typarray = base.type_oid
  WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
  format('%s%I.%I', CASE c.relkind WHEN 'r' THEN 'ONLY ' END, n.nspname, c.relname),
  CASE WHEN a.attgenerated <> '' THEN pg_get_expr(e.adbin, e.adrelid) END,
  (SELECT string_agg(DISTINCT d.refobjsubid::text, ',')
   FROM pg_depend d
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid NOT IN (0, a.attnum)
     AND ((d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum)
       OR (d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid))),
  -- PostgreSQL's own objects are not in pg_depend. Before 15 it is the column that depends on what its expression calls.
  t.declared_schema = 'pg_catalog' AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE ((d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid)
        OR (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum))
      AND d.refclassid IN ('pg_operator'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)),
  CASE WHEN NOT t.comparable THEN 'text'
       WHEN t.element IS NULL AND t.kind IN ('b', 'e') THEN 'value'
       WHEN t.element_kind = 'b' AND t.base_schema = 'pg_catalog' THEN 'array' ELSE 'text' END,
  format_type(t.type_oid, t.typmod), t.base_schema = 'pg_catalog', t.array_oid
FROM pg_attribute a
JOIN column_type t ON t.attnum = a.attnum
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
