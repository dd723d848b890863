-- What is not as setup noted it: kind, name, what has become of it, whether only its columns are others. `present` is
-- made_objects.sql. No stream goes on without its publications, noted or not.
SELECT 'publication' AS kind, w.name, 'is gone' AS fault, false AS columns_only
  FROM unnest(ARRAY[$1::text, $1::text || '_insert_only']) AS w(name)
 WHERE NOT EXISTS (SELECT FROM present p WHERE p.kind = 'publication' AND p.name = w.name)
UNION
SELECT m.kind, m.name,
       CASE WHEN p.name IS NULL THEN 'is gone'
            WHEN p.id <> m.id THEN 'is another one than setup made'
            ELSE 'was altered' END,
       m.kind IN ('table', 'view') AND p.id IS NOT DISTINCT FROM m.id
  FROM _echodb.made m LEFT JOIN present p ON p.kind = m.kind AND p.name = m.name
 WHERE p.name IS NULL OR p.id <> m.id OR p.content <> m.content
    OR (p.row_made_by <> m.row_made_by AND p.row_made_by <> '2')
 ORDER BY 1 DESC, 2
