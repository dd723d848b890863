-- What setup makes in the source, as it is now. $1: the publication. An object that was altered has another row in its
-- catalog: xmin tells, also when it was altered back. VACUUM FULL of a catalog makes every xmin 2.
SELECT 'publication' AS kind, p.pubname::text AS name, p.oid AS id, p.xmin::text AS row_made_by,
       concat(to_jsonb(p) - 'oid', (SELECT string_agg(r.prrelid::text, ' ' ORDER BY r.prrelid) FROM pg_publication_rel r
         WHERE r.prpubid = p.oid AND p.pubname = $1::text || '_messages')) AS content
  FROM pg_publication p WHERE p.pubname IN ($1::text, $1::text || '_insert_only', $1::text || '_messages')
UNION ALL
SELECT 'event trigger', e.evtname::text, e.oid, e.xmin::text, (to_jsonb(e) - 'oid')::text
  FROM pg_event_trigger e
 WHERE e.evtname IN ('peerdb_auto_mirror_trigger', 'peerdb_auto_mirror_drop_trigger',
                     'peerdb_auto_mirror_rewrite_trigger', 'echodb_before_alter_table')
UNION ALL
SELECT 'function', format('_echodb.%s(%s)', f.proname, oidvectortypes(f.proargtypes)), f.oid, f.xmin::text,
       md5((to_jsonb(f) - 'oid')::text)
  FROM pg_proc f WHERE f.pronamespace = to_regnamespace('_echodb')
UNION ALL
-- A table's statistics are in its row too, so its columns alone count.
SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, '_echodb.' || c.relname, c.oid, '2',
       (SELECT string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_class c WHERE c.relnamespace = to_regnamespace('_echodb') AND c.relkind IN ('r', 'v')
