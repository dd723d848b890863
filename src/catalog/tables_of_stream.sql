-- The tables of a stream ($1), or one of them ($2), one row for each schema that a table has had, in order. Of one snapshot: a schema whose
-- table is not there, or a table without its schemas, cannot be among them while others write. A table that has no
-- schema on record is left out, because nothing can be done with it; catalog/inventory finds it.
SELECT t.oid, t.target_name, t.state, t.floor_lsn, t.dropped_lsn, t.copy_snapshot, t.shadow, t.rows_copied, t.error,
       t.error_lsn, array_to_json(t.text_columns), array_to_json(t.text_since), array_to_json(t.text_widths),
       t.copied_lsn, array_to_json(t.earlier_names), v.lsn, v.snapshot, v.pending, v.types, t.types_changed_lsn,
       t.copy_begun_lsn, t.emptying
  FROM _echodb.tables t JOIN _echodb.table_versions v ON v.stream = t.stream AND v.oid = t.oid
 WHERE t.stream = $1 AND ($2::bigint IS NULL OR t.oid = $2)
 ORDER BY t.oid, v.lsn
