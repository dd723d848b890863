-- What EchoDB installs in the source: which tables it watches, and the event triggers that publish new tables and put
-- every schema change into the log, in commit order among the rows. How a table is described stands in
-- ddl_snapshot.sql, changes that reach a table through something else in ddl_dependents.sql. Safe to run again.

CREATE SCHEMA IF NOT EXISTS _echodb;

-- One row: what `echodb setup` was told. The triggers read it.
CREATE TABLE IF NOT EXISTS _echodb.watch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  publication name NOT NULL,
  schemas text[] NOT NULL,
  excluded text[] NOT NULL,       -- regular expressions for name and schema.name
  no_pk_policy text NOT NULL      -- full, insert_only or skip
);

-- Tables whose replica identity we changed, and what it was, so that it can be set back.
CREATE TABLE IF NOT EXISTS _echodb.identity_set (
  relation oid PRIMARY KEY,
  identity_before "char" NOT NULL
);

CREATE OR REPLACE FUNCTION _echodb.is_watched(schema_name text, table_name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT EXISTS (
    SELECT FROM _echodb.watch w WHERE schema_name = ANY (w.schemas)
      AND NOT EXISTS (SELECT FROM unnest(w.excluded) AS pattern
                      WHERE table_name ~ pattern OR (schema_name || '.' || table_name) ~ pattern))
$$;

-- The tables to mirror now: permanent ones, a partition tree by its root.
CREATE OR REPLACE FUNCTION _echodb.watched_tables() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
    AND _echodb.is_watched(n.nspname, c.relname) ORDER BY c.oid
$$;

-- PostgreSQL 18 has generated columns that are not stored, and refuses to update a published table whose rows are
-- identified by all their columns when one of those is among them.
CREATE OR REPLACE FUNCTION _echodb.has_virtual_column(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                 AND a.attgenerated = 'v')
$$;

-- Why a watched table cannot be followed; NULL when it can.
CREATE OR REPLACE FUNCTION _echodb.refusal(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT CASE
    WHEN c.relpersistence = 'u' THEN 'it is UNLOGGED: its rows are not in the log'
    WHEN _echodb.has_virtual_column(c.oid) AND (w.no_pk_policy = 'full' OR c.relreplident = 'f')
        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
                        AND (i.indisreplident OR i.indexrelid = _echodb.key_index(c.oid)))
      THEN 'it has a VIRTUAL generated column and no primary key: PostgreSQL would refuse its updates'
  END
  FROM pg_class c, _echodb.watch w WHERE c.oid = relation
$$;

-- Makes sure that an UPDATE or DELETE of a published table cannot fail for want of a replica identity, and takes our
-- change back once the table has a key of its own.
CREATE OR REPLACE FUNCTION _echodb.ensure_identity(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  has_key boolean;
BEGIN
  -- USING INDEX of an index that was dropped is NOTHING.
  SELECT CASE WHEN c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
                AND i.indisreplident) THEN 'n' ELSE c.relreplident END AS identity,
         format('%I.%I', n.nspname, c.relname) AS qualified
    INTO entry FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  has_key := _echodb.key_index(relation) IS NOT NULL;
  IF has_key AND entry.identity = 'f' AND EXISTS (SELECT FROM _echodb.identity_set s WHERE s.relation = ensure_identity.relation) THEN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', entry.qualified);
    DELETE FROM _echodb.identity_set s WHERE s.relation = ensure_identity.relation;
  ELSIF (NOT has_key AND entry.identity IN ('d', 'n')) OR (has_key AND entry.identity = 'n')
      OR (has_key AND entry.identity = 'f' AND _echodb.has_virtual_column(relation)) THEN
    INSERT INTO _echodb.identity_set VALUES (relation, entry.identity) ON CONFLICT DO NOTHING;
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', entry.qualified,
                   CASE WHEN has_key THEN 'DEFAULT' ELSE 'FULL' END);
  END IF;
END $$;

-- Publishes one table; true when it was not published before.
CREATE OR REPLACE FUNCTION _echodb.publish(relation oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  settings _echodb.watch%ROWTYPE;
  target name;
  has_key boolean;
  qualified text;
BEGIN
  SELECT * INTO settings FROM _echodb.watch;
  SELECT _echodb.key_index(relation) IS NOT NULL
      OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisreplident)
      OR EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relreplident = 'f') INTO has_key;
  IF NOT has_key AND settings.no_pk_policy = 'skip' THEN RETURN false; END IF;
  target := settings.publication;
  IF NOT has_key AND settings.no_pk_policy = 'insert_only' THEN
    target := settings.publication || '_insert_only';
  ELSE
    PERFORM _echodb.ensure_identity(relation);
  END IF;
  IF EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
             WHERE r.prrelid = relation AND p.pubname = target) THEN
    RETURN false;
  END IF;
  SELECT format('%I.%I', n.nspname, c.relname) INTO qualified
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %s', target, qualified);
  RETURN true;
END $$;

-- Decoding orders the changes of a transaction and its subtransactions by position, and gives a message the position
-- where its record ends, which is where the next change's record starts. The padding behind it makes the two differ:
-- a row that follows the schema change never comes before it.
--
-- Before PostgreSQL 14 the stream has no messages: there they are rows of a published table. A row is deleted as soon
-- as it is in the log, by its place, so that no two transactions ever meet in that table.
DO $$
BEGIN
  IF current_setting('server_version_num')::integer < 140000 THEN
    CREATE TABLE IF NOT EXISTS _echodb.messages (content text NOT NULL);
  END IF;
END $$;

CREATE OR REPLACE FUNCTION _echodb.emit(message jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  place tid;
BEGIN
  IF current_setting('server_version_num')::integer < 140000 THEN
    INSERT INTO _echodb.messages VALUES (message::text) RETURNING ctid INTO place;
    DELETE FROM _echodb.messages WHERE ctid = place;
    RETURN;
  END IF;
  PERFORM pg_logical_emit_message(true, 'echodb', message::text);
  PERFORM pg_logical_emit_message(true, 'echodb_padding', '');
END $$;

-- One table that a command created or changed.
CREATE OR REPLACE FUNCTION _echodb.on_table_change(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  reason text;
  published boolean;
BEGIN
  SELECT c.relispartition AS is_partition, c.relpersistence AS persistence, c.relkind AS kind,
         n.nspname AS schema_name, c.relname AS table_name
    INTO entry FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  IF NOT FOUND OR entry.kind NOT IN ('r', 'p') OR entry.persistence = 't' OR entry.schema_name = '_echodb' THEN
    RETURN;
  END IF;
  IF entry.is_partition THEN
    PERFORM _echodb.on_partition_change(relation);
    RETURN;
  END IF;
  IF NOT _echodb.is_watched(entry.schema_name, entry.table_name) THEN
    PERFORM _echodb.on_unwatched(relation);
    RETURN;
  END IF;
  reason := _echodb.refusal(relation);
  IF reason IS NOT NULL THEN
    PERFORM _echodb.on_unwatched(relation);
    PERFORM _echodb.emit(jsonb_build_object('op', 'refused', 'oid', relation::bigint,
      'table', entry.schema_name || '.' || entry.table_name, 'reason', reason));
    RETURN;
  END IF;
  published := _echodb.publish(relation);
  IF NOT _echodb.is_published(relation) THEN RETURN; END IF;
  PERFORM _echodb.emit(jsonb_build_object('op', 'table', 'tag', tag, 'published', published,
    'table', _echodb.table_snapshot(relation)));
  IF entry.kind = 'p' THEN PERFORM _echodb.on_partition_tree(relation, published); END IF;
END $$;

-- A partition's rows travel under its root, if that is followed.
CREATE OR REPLACE FUNCTION _echodb.on_partition_change(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  root oid := pg_partition_root(relation);
BEGIN
  IF _echodb.is_published(root) THEN
    PERFORM _echodb.on_partition_tree(root, false);
    PERFORM _echodb.refuse_unlogged_partition(relation);
  ELSE
    PERFORM _echodb.on_unwatched(relation);
  END IF;
END $$;

-- Takes a table out of the publications and says so in the log, by a message of this kind, when it was in one.
CREATE OR REPLACE FUNCTION _echodb.unpublish(relation oid, op text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  membership record;
BEGIN
  FOR membership IN
    SELECT p.pubname, format('%I.%I', n.nspname, c.relname) AS qualified
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace, _echodb.watch w
    WHERE r.prrelid = relation AND p.pubname IN (w.publication, w.publication || '_insert_only')
  LOOP
    EXECUTE format('ALTER PUBLICATION %I DROP TABLE ONLY %s', membership.pubname, membership.qualified);
    -- 'plain' is a rewrite's: what the rows become, nobody knows.
    PERFORM _echodb.emit(jsonb_build_object('op', op, 'oid', relation::bigint, 'plain', false));
  END LOOP;
END $$;

-- A published table was renamed or moved out of what is watched.
CREATE OR REPLACE FUNCTION _echodb.on_unwatched(moved oid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT _echodb.unpublish(moved, 'unwatch')
$$;

-- From here on the triggers do not answer to what we do ourselves, until the transaction ends or this is taken back.
-- Who waits for a lock makes others wait; and whoever waits for one of ours must have it long before deadlock_timeout,
-- or the server may choose the application's command for its victim.
CREATE OR REPLACE FUNCTION _echodb.begin_own_ddl() RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT set_config('_echodb.own_ddl', 'on', true), set_config('lock_timeout', '100ms', true)
$$;

-- Locks a table against schema changes; false when there is none. Only names can be locked, and a table may get another
-- one while we wait.
CREATE OR REPLACE FUNCTION _echodb.lock_table(relation oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  qualified text;
BEGIN
  LOOP
    SELECT format('%I.%I', n.nspname, c.relname) INTO qualified FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation AND c.relkind IN ('r', 'p');
    IF NOT FOUND THEN RETURN false; END IF;
    BEGIN
      EXECUTE format('LOCK TABLE ONLY %s IN ACCESS SHARE MODE', qualified);
    EXCEPTION WHEN undefined_table THEN
      CONTINUE;
    END;
    IF to_regclass(qualified) = relation THEN RETURN true; END IF;
  END LOOP;
END $$;

-- Publishes a table if need be and puts its present schema into the log, or that it is gone. By the tag the worker
-- knows what is wanted: SETUP for the first time, DESCRIBE for a change that could not be recorded when it was made,
-- RESYNC for a copy made again. The lock makes sure that what is read here is in force where the message will stand.
CREATE OR REPLACE FUNCTION _echodb.describe(object oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM _echodb.begin_own_ddl();
  IF _echodb.lock_table(object) THEN
    PERFORM _echodb.on_table_change(object, tag);
  ELSIF EXISTS (SELECT FROM pg_type t WHERE t.oid = object) THEN
    PERFORM _echodb.on_type_change(object, 'ALTER TYPE');
  ELSE
    PERFORM _echodb.emit(jsonb_build_object('op', 'drop', 'oid', object::bigint));
  END IF;
  PERFORM set_config('_echodb.own_ddl', 'off', true);
END $$;

-- Calls one of our functions on behalf of an application's command. The command never fails because of us: whatever
-- goes wrong becomes a warning in the server's log and a message in the stream that says this object can no longer be
-- trusted. It hardly waits either: publishing locks the publication until the transaction ends, so another transaction
-- that creates tables could hold us up, or close a deadlock; we give up long before the server would look for one, and
-- the worker asks for the table's description later.
CREATE OR REPLACE FUNCTION _echodb.guard(object oid, deed text, call text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  lock_timeout text := current_setting('lock_timeout');
BEGIN
  BEGIN
    PERFORM _echodb.begin_own_ddl();
    EXECUTE 'SELECT ' || call;
    PERFORM set_config('lock_timeout', lock_timeout, true);
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'echodb could not record %: %', deed, SQLERRM;
    PERFORM _echodb.lose(object, SQLERRM);
  END;
  PERFORM set_config('_echodb.own_ddl', 'off', true);
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_ddl_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  command record;
BEGIN
  IF current_setting('_echodb.own_ddl', true) = 'on' THEN RETURN; END IF;
  FOR command IN
    SELECT DISTINCT ON (c.objid) c.classid, c.objid, c.command_tag, c.object_identity
    FROM pg_event_trigger_ddl_commands() c
    WHERE c.object_type IN ('table', 'table column', 'type', 'composite type', 'schema') ORDER BY c.objid
  LOOP
    PERFORM _echodb.guard(command.objid, command.command_tag || ' of ' || command.object_identity,
      format('_echodb.on_object_change(%s, %s, %L)', command.classid, command.objid, command.command_tag));
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
      PERFORM _echodb.lose(command.objid, 'the transaction sees the catalog as it was when it began');
    END IF;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  dropped record;
  orphan oid;
BEGIN
  IF current_setting('_echodb.own_ddl', true) = 'on' THEN RETURN; END IF;
  FOR dropped IN
    SELECT DISTINCT d.objid, d.object_type, d.object_identity FROM pg_event_trigger_dropped_objects() d
    WHERE NOT d.is_temporary AND d.schema_name NOT IN ('_echodb', 'pg_temp')
      AND (d.object_type IN ('table', 'table column')
           OR (d.object_type = 'type' AND EXISTS (SELECT FROM _echodb.enum_labels l WHERE l.type = d.objid)))
  LOOP
    -- DROP TYPE … CASCADE and the like take columns along; ALTER TABLE says so itself, a moment later.
    PERFORM _echodb.guard(dropped.objid, 'the drop of ' || dropped.object_identity,
      CASE dropped.object_type
        WHEN 'table column' THEN format('_echodb.on_family_change(%s, %L)', dropped.objid, 'DROP COLUMN')
        WHEN 'type' THEN format('_echodb.on_type_dropped(%s)', dropped.objid)
        ELSE format('_echodb.on_dropped(%s)', dropped.objid)
      END);
  END LOOP;
  FOR orphan IN SELECT o FROM _echodb.orphans() o LOOP
    PERFORM _echodb.guard(orphan, 'what a drop left of ' || orphan::regclass,
      format('_echodb.on_table_change(%s, %L)', orphan, 'DROP'));
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_dropped(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  DELETE FROM _echodb.identity_set s WHERE s.relation = on_dropped.relation;
  DELETE FROM _echodb.partitions p WHERE p.root = on_dropped.relation;
  PERFORM _echodb.emit(jsonb_build_object('op', 'drop', 'oid', relation::bigint));
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_table_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  -- A partition's rows are its root's.
  relation oid := coalesce(pg_partition_root(pg_event_trigger_table_rewrite_oid())::oid,
                           pg_event_trigger_table_rewrite_oid());
  callers text;
BEGIN
  -- SET LOGGED or UNLOGGED of one partition: no message of its root follows.
  IF pg_event_trigger_table_rewrite_reason() & 1 = 1 AND relation <> pg_event_trigger_table_rewrite_oid() THEN
    PERFORM _echodb.recopy(relation, 'a partition became LOGGED or UNLOGGED');
    RETURN;
  END IF;
  GET DIAGNOSTICS callers = PG_CONTEXT;
  -- A command without USING gives each value the cast of the old one. Inside a function its text cannot be seen; one
  -- line of context is this function alone.
  PERFORM _echodb.emit(jsonb_build_object('op', 'rewrite', 'oid', relation::bigint,
    'plain', current_query() !~* '\musing\M' AND callers !~ '\n.'));
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'echodb could not record a table rewrite: %', SQLERRM;
  PERFORM _echodb.lose(relation, SQLERRM);
END $$;
