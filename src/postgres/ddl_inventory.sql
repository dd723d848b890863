-- How a table of which watched and mirrored do not agree (catalog/inventory.sql) is put right. Safe to run again.

-- Whether somebody keeps us from making a trigger on a partition of this tree.
CREATE OR REPLACE FUNCTION _echodb.tree_is_locked(tree oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_locks l WHERE l.relation = ANY (_echodb.tree_below(tree)) AND l.pid <> pg_backend_pid()
                 AND l.mode NOT IN ('AccessShareLock', 'RowShareLock'));
END $$;

-- Has the table described, which publishes it if need be, or says that it is gone. Of one that is in no publication
-- after that a mirror is of no use, and `_echodb.on_unwatched` had nothing to say: it stopped being watched unnoticed.
CREATE OR REPLACE FUNCTION _echodb.describe_again(object oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM _echodb.describe(object, 'DESCRIBE');
  IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = object) AND NOT _echodb.is_published(object) THEN
    PERFORM _echodb.emit(pg_catalog.json_build_object('op', 'unwatch', 'oid', object::bigint));
  ELSIF _echodb.tree_has_drifted(object) AND _echodb.tree_is_locked(object) THEN
    RAISE lock_not_available USING MESSAGE = 'another session is at work in a partition';
  END IF;
END $$;

-- The same of a tree that was only to publish less of its old rows: nothing that has its rows for values is reached by that.
CREATE OR REPLACE FUNCTION _echodb.set_waiting_identities(tree oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lock_timeout_before text := current_setting('lock_timeout');
BEGIN
  PERFORM _echodb.begin_own_ddl();
  PERFORM _echodb.describe_table(tree, 'DESCRIBE');
  PERFORM _echodb.end_own_ddl(lock_timeout_before);
END $$;

-- After the triggers were not there to listen, and every table was described: a table that is gone is dropped, and those of
-- which more may have happened than a description tells are copied again. Rows that were written after an unheard change
-- were read as if it had not been;
-- partitions may have come, gone or been emptied, and types changed what rows show.
CREATE OR REPLACE FUNCTION _echodb.recopy_unheard(stream_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  entry record;
  gone oid;
BEGIN
  FOR gone IN
    SELECT k.oid::oid FROM _echodb.tables k WHERE k.stream = stream_name AND k.state <> 'dropped'
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = k.oid::oid)
  LOOP
    PERFORM _echodb.on_dropped(gone);
  END LOOP;
  FOR entry IN
    SELECT c.oid, c.relkind = 'p' OR known.snapshot <> _echodb.table_snapshot(c.oid) OR EXISTS (
             SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = t.typelem
              WHERE a.attrelid = c.oid AND NOT a.attisdropped AND (t.typtype = 'c' OR e.typtype = 'c'
                -- A domain, or a range, may be one over rows.
                OR t.oid >= 16384 AND (t.typtype IN ('d', 'r', 'm') OR e.typtype IN ('d', 'r', 'm')))) AS is_doubtful
      FROM _echodb.watched_tables() w JOIN pg_class c ON c.oid = w
      CROSS JOIN LATERAL (
        SELECT v.snapshot FROM _echodb.table_versions v
         WHERE v.stream = stream_name AND v.oid = c.oid::bigint ORDER BY v.lsn DESC LIMIT 1) AS known
  LOOP
    IF entry.is_doubtful THEN
      PERFORM _echodb.recopy_as_shown(entry.oid, 'the triggers could not tell for a while what became of it');
    END IF;
  END LOOP;
END $$;
