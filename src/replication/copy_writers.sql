-- The transactions that hold a writer's lock on the table $1, on a partition of it, or on a type, and have an id, so that
-- they may have written; as a text[]. Of those in $2 only, when it is not NULL, and of those that are older than the
-- transaction $3, when that is not. A lock of a type's tells of a change of what rows show; one that only maintenance
-- takes is not meant: VACUUM has no id.
SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}')::text
FROM pg_locks l
WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND CASE l.locktype
        WHEN 'relation' THEN l.relation = $1::oid
          OR $1::oid IN (SELECT above.relid::oid FROM pg_partition_ancestors(l.relation::regclass) above)
          OR EXISTS (SELECT FROM pg_class c WHERE c.oid = l.relation AND c.relkind = 'c')
        WHEN 'object' THEN l.classid = 'pg_type'::regclass
        ELSE false
      END
  AND ($2::text[] IS NULL OR l.virtualtransaction = ANY ($2::text[]))
  AND EXISTS (
    SELECT FROM pg_locks own
    WHERE own.locktype = 'transactionid' AND own.virtualtransaction = l.virtualtransaction AND own.granted
      AND own.mode = 'ExclusiveLock' AND ($3::xid IS NULL OR age(own.transactionid) > age($3::xid)))
