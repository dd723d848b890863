-- An object of the schema _echodb, or the schema itself, that belongs neither to this session's role nor to a superuser,
-- with its owner. What PostgreSQL's first superuser owns is not in pg_shdepend.
SELECT pg_describe_object(object.class, object.id, 0), r.rolname
FROM (SELECT 'pg_namespace'::regclass AS class, n.oid AS id FROM pg_namespace n WHERE n.nspname = '_echodb'
      UNION ALL
      SELECT d.classid, d.objid FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
      WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname = '_echodb') object
  JOIN pg_shdepend s ON s.classid = object.class AND s.objid = object.id AND s.objsubid = 0 AND s.deptype = 'o'
    AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  JOIN pg_roles r ON r.oid = s.refobjid
WHERE r.rolname <> current_user AND NOT r.rolsuper
LIMIT 1
