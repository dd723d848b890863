-- How a table of which watched and mirrored do not agree (catalog/inventory.sql) is put right. Safe to run again.

-- Has the table described, which publishes it if need be, or says that it is gone. Of one that is in no publication
-- after that a mirror is of no use, and `_echodb.on_unwatched` had nothing to say: it stopped being watched unnoticed.
CREATE OR REPLACE FUNCTION _echodb.describe_again(object oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM _echodb.describe(object, 'DESCRIBE');
  IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = object) AND NOT _echodb.is_published(object) THEN
    PERFORM _echodb.emit(pg_catalog.jsonb_build_object('op', 'unwatch', 'oid', object::bigint));
  END IF;
END $$;
