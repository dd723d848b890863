-- A type and every type that its values can consist of: its number, its kind with arrays told apart, the type of the
-- elements, of the bounds, of the ranges, or under the domain, and the delimiter of arrays of it.
WITH RECURSIVE reached(oid) AS (
  SELECT $1::oid
  UNION
  SELECT part.oid
  FROM reached r
  JOIN pg_type t ON t.oid = r.oid
  CROSS JOIN LATERAL (
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL SELECT t.typelem WHERE t.typreceive = 'array_recv'::regproc
    UNION ALL SELECT a.atttypid FROM pg_attribute a
      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT g.rngsubtype FROM pg_range g WHERE t.typtype = 'r' AND g.rngtypid = t.oid
    UNION ALL SELECT g.rngtypid FROM pg_range g WHERE t.typtype = 'm' AND to_jsonb(g) ->> 'rngmultitypid' = t.oid::text
  ) AS part(oid)
)
SELECT t.oid, CASE WHEN t.typreceive = 'array_recv'::regproc THEN 'a' ELSE t.typtype END,
  CASE
    WHEN t.typtype = 'd' THEN t.typbasetype
    WHEN t.typreceive = 'array_recv'::regproc THEN t.typelem
    WHEN t.typtype = 'r' THEN (SELECT g.rngsubtype FROM pg_range g WHERE g.rngtypid = t.oid)
    WHEN t.typtype = 'm' THEN (SELECT g.rngtypid FROM pg_range g WHERE to_jsonb(g) ->> 'rngmultitypid' = t.oid::text)
    ELSE 0
  END, t.typdelim
FROM reached r
JOIN pg_type t ON t.oid = r.oid
