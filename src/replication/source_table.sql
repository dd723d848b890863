-- A table as the source has it now, one row per live column: its number, its name and type as SQL needs them, the
-- table; for a generated column its expression, the numbers of the columns that it reads, and whether no code but
-- PostgreSQL's and C's is in it; and for look-ups how its values are given and compared: source_table.h.
WITH column_type AS (
  SELECT a.attnum, base.type_oid, base.typmod, base.kind, e.oid AS element, e.typtype AS element_kind
  FROM pg_attribute a CROSS JOIN LATERAL _echodb.base_type(a.atttypid, a.atttypmod) base
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
  declared.typtype <> 'd' AND NOT EXISTS (
    -- PostgreSQL's own objects are not in pg_depend; only superusers install functions in C.
    SELECT FROM pg_depend d
      LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
      LEFT JOIN pg_proc p ON (d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid) OR p.oid = o.oprcode
      LEFT JOIN pg_language l ON l.oid = p.prolang
      LEFT JOIN pg_type u ON d.refclassid = 'pg_type'::regclass AND u.oid = d.refobjid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid
      AND (l.lanname NOT IN ('internal', 'c') OR u.typtype NOT IN ('b', 'e'))),
  CASE WHEN t.element IS NULL AND t.kind IN ('b', 'e') THEN 'value'
       WHEN t.element_kind = 'b' THEN 'array' ELSE 'text' END,
  format_type(t.type_oid, t.typmod),
  coalesce((
    SELECT format('OPERATOR(%I.%s)', operator_schema.nspname, o.oprname)
    FROM pg_opclass oc JOIN pg_am m ON m.oid = oc.opcmethod AND m.amname = 'btree'
      JOIN pg_amop p ON p.amopfamily = oc.opcfamily AND p.amoplefttype = t.type_oid AND p.amoprighttype = t.type_oid
        AND p.amopstrategy = 3
      JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace operator_schema ON operator_schema.oid = o.oprnamespace
    WHERE oc.opcintype = t.type_oid AND oc.opcdefault), 'OPERATOR(pg_catalog.=)')
FROM pg_attribute a
JOIN column_type t ON t.attnum = a.attnum
JOIN pg_type declared ON declared.oid = a.atttypid
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
