-- What EchoDB installs in the source: which tables it watches, how a table's catalog entry is written down, and the
-- event triggers that publish new tables and put every schema change into the log, in commit order among the rows.
-- Safe to run again.

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

-- Resolves domains down to the type whose format the values have.
CREATE OR REPLACE FUNCTION _echodb.base_type(declared oid, declared_typmod integer,
  OUT type_oid oid, OUT typmod integer, OUT kind "char")
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
  type_oid := declared;
  typmod := declared_typmod;
  LOOP
    SELECT t.typtype INTO kind FROM pg_type t WHERE t.oid = type_oid;
    EXIT WHEN kind <> 'd';
    SELECT t.typbasetype, CASE WHEN typmod = -1 THEN t.typtypmod ELSE typmod END INTO type_oid, typmod
      FROM pg_type t WHERE t.oid = type_oid;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.type_snapshot(declared oid, declared_typmod integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
  base record;
  element_oid oid;
  element record;
BEGIN
  SELECT * INTO base FROM _echodb.base_type(declared, declared_typmod);
  SELECT e.oid INTO element_oid FROM pg_type e WHERE e.typarray = base.type_oid;
  IF element_oid IS NULL THEN
    RETURN jsonb_build_object('oid', base.type_oid::bigint, 'typmod', base.typmod, 'kind', base.kind,
      'declared', format_type(declared, declared_typmod));
  END IF;
  SELECT * INTO element FROM _echodb.base_type(element_oid, -1);
  IF element.typmod = -1 THEN element.typmod := base.typmod; END IF;
  RETURN jsonb_build_object('oid', base.type_oid::bigint, 'typmod', element.typmod, 'kind', 'a',
    'declared', format_type(declared, declared_typmod),
    'element_oid', element.type_oid::bigint, 'element_kind', element.kind);
END $$;

-- A table's catalog entry. One JSON shape for the first look and for every change after it. A deferrable key is none:
-- within a transaction two rows may share it, and PostgreSQL does not take it for a replica identity either.
CREATE OR REPLACE FUNCTION _echodb.table_snapshot(relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT jsonb_build_object(
    'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname, 'relkind', c.relkind,
    'replica_identity', c.relreplident, 'relfilenode', c.relfilenode::bigint,
    'partition_root', CASE WHEN c.relispartition THEN coalesce(pg_partition_root(c.oid)::oid::bigint, 0) ELSE 0 END,
    'columns', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
          'attnum', a.attnum, 'name', a.attname, 'type', _echodb.type_snapshot(a.atttypid, a.atttypmod),
          'not_null', a.attnotnull, 'generated', a.attgenerated <> '',
          'missing_value', CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END) ORDER BY a.attnum), '[]')
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'primary_key', (
      SELECT coalesce(jsonb_agg(k.attnum ORDER BY k.place), '[]')
      FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
      WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND k.place <= i.indnkeyatts),
    'identity_index', (
      SELECT coalesce(jsonb_agg(k.attnum ORDER BY k.place), '[]')
      FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
      WHERE i.indrelid = c.oid AND i.indisreplident AND c.relreplident = 'i' AND k.place <= i.indnkeyatts))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;

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

-- Makes sure that an UPDATE or DELETE of a published table cannot fail for want of a replica identity, and takes our
-- change back once the table has a key of its own.
CREATE OR REPLACE FUNCTION _echodb.ensure_identity(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  has_key boolean;
BEGIN
  SELECT c.relreplident AS identity, c.relkind AS kind, format('%I.%I', n.nspname, c.relname) AS qualified
    INTO entry FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary AND i.indimmediate
                 AND i.indisvalid) INTO has_key;
  IF has_key AND entry.identity = 'f' AND EXISTS (SELECT FROM _echodb.identity_set s WHERE s.relation = ensure_identity.relation) THEN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', entry.qualified);
    DELETE FROM _echodb.identity_set s WHERE s.relation = ensure_identity.relation;
  ELSIF (NOT has_key AND entry.identity IN ('d', 'n')) OR (has_key AND entry.identity = 'n') THEN
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
  part oid;
  has_key boolean;
  qualified text;
BEGIN
  SELECT * INTO settings FROM _echodb.watch;
  SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary AND i.indimmediate)
      OR EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relreplident IN ('f', 'i')) INTO has_key;
  IF NOT has_key AND settings.no_pk_policy = 'skip' THEN RETURN false; END IF;
  target := settings.publication;
  IF NOT has_key AND settings.no_pk_policy = 'insert_only' THEN
    target := settings.publication || '_insert_only';
  ELSE
    PERFORM _echodb.ensure_identity(relation);
    FOR part IN SELECT t.relid::oid FROM pg_partition_tree(relation) t WHERE t.relid <> relation LOOP
      PERFORM _echodb.ensure_identity(part);
    END LOOP;
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
CREATE OR REPLACE FUNCTION _echodb.emit(message jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_logical_emit_message(true, 'echodb', message::text);
  PERFORM pg_logical_emit_message(true, 'echodb_padding', '');
END $$;

-- One table that a command created or changed.
CREATE OR REPLACE FUNCTION _echodb.on_table_change(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  published boolean;
BEGIN
  SELECT c.relispartition AS is_partition, c.relpersistence AS persistence, c.relkind AS kind,
         n.nspname AS schema_name, c.relname AS table_name
    INTO entry FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
  IF NOT FOUND OR entry.kind NOT IN ('r', 'p') OR entry.persistence <> 'p' OR entry.schema_name = '_echodb' THEN
    RETURN;
  END IF;
  IF entry.is_partition THEN
    PERFORM _echodb.on_partition_change(relation, tag);
    RETURN;
  END IF;
  IF NOT _echodb.is_watched(entry.schema_name, entry.table_name) THEN
    PERFORM _echodb.on_unwatched(relation);
    RETURN;
  END IF;
  published := _echodb.publish(relation);
  IF NOT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w
                 WHERE r.prrelid = relation AND p.pubname IN (w.publication, w.publication || '_insert_only')) THEN
    RETURN;
  END IF;
  PERFORM _echodb.emit(jsonb_build_object('op', 'table', 'tag', tag, 'published', published,
    'table', _echodb.table_snapshot(relation)));
  IF published THEN
    PERFORM pg_notify('peerdb_create_mirror',
      jsonb_build_object('schema', entry.schema_name, 'table', entry.table_name)::text);
  END IF;
END $$;

-- A partition's rows travel under its root; an attached one brings rows that were never published there.
CREATE OR REPLACE FUNCTION _echodb.on_partition_change(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  root oid := pg_partition_root(relation);
BEGIN
  IF EXISTS (SELECT FROM pg_publication_rel r WHERE r.prrelid = root) THEN
    PERFORM _echodb.ensure_identity(relation);
  END IF;
END $$;

-- A published table was renamed or moved out of what is watched.
CREATE OR REPLACE FUNCTION _echodb.on_unwatched(moved oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  membership record;
BEGIN
  FOR membership IN
    SELECT p.pubname, format('%I.%I', n.nspname, c.relname) AS qualified
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace, _echodb.watch w
    WHERE r.prrelid = moved AND p.pubname IN (w.publication, w.publication || '_insert_only')
  LOOP
    EXECUTE format('ALTER PUBLICATION %I DROP TABLE ONLY %s', membership.pubname, membership.qualified);
    PERFORM _echodb.emit(jsonb_build_object('op', 'unwatch', 'oid', moved::bigint));
  END LOOP;
END $$;

-- Publishes a table if need be and puts its present schema into the log. By the tag the worker knows what is wanted:
-- DESCRIBE for a change that could not be recorded when it was made, RESYNC for a copy made again.
CREATE OR REPLACE FUNCTION _echodb.describe(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM set_config('_echodb.own_ddl', 'on', true);
  PERFORM _echodb.on_table_change(relation, tag);
  PERFORM set_config('_echodb.own_ddl', 'off', true);
END $$;

-- An application's statement never fails because of us: whatever goes wrong in here becomes a warning in the server's
-- log and a message in the stream that says this table can no longer be trusted. It hardly waits either: publishing
-- locks the publication until the transaction ends, so another transaction that creates tables could hold us up, or
-- close a deadlock; we give up long before the server would look for one, and the worker publishes the table later.
CREATE OR REPLACE FUNCTION _echodb.on_ddl_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  command record;
  lock_timeout text := current_setting('lock_timeout');
BEGIN
  IF current_setting('_echodb.own_ddl', true) = 'on' THEN RETURN; END IF;
  FOR command IN
    SELECT DISTINCT ON (c.objid) c.objid, c.command_tag FROM pg_event_trigger_ddl_commands() c
    WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'table column') ORDER BY c.objid
  LOOP
    BEGIN
      PERFORM set_config('_echodb.own_ddl', 'on', true);
      PERFORM set_config('lock_timeout', '100ms', true);
      PERFORM _echodb.on_table_change(command.objid, command.command_tag);
      PERFORM set_config('lock_timeout', lock_timeout, true);
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'echodb could not record % of %: %', command.command_tag, command.objid::regclass, SQLERRM;
      PERFORM _echodb.emit(jsonb_build_object('op', 'lost', 'oid', command.objid::bigint, 'reason', SQLERRM));
    END;
    PERFORM set_config('_echodb.own_ddl', 'off', true);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  dropped record;
BEGIN
  FOR dropped IN
    SELECT d.objid, d.schema_name, d.object_name FROM pg_event_trigger_dropped_objects() d
    WHERE d.object_type = 'table' AND NOT d.is_temporary AND d.schema_name <> '_echodb'
  LOOP
    BEGIN
      DELETE FROM _echodb.identity_set s WHERE s.relation = dropped.objid;
      PERFORM _echodb.emit(jsonb_build_object('op', 'drop', 'oid', dropped.objid::bigint,
        'schema', dropped.schema_name, 'name', dropped.object_name));
      PERFORM pg_notify('peerdb_drop_mirror',
        jsonb_build_object('schema', dropped.schema_name, 'table', dropped.object_name)::text);
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'echodb could not record the drop of %.%: %', dropped.schema_name, dropped.object_name, SQLERRM;
    END;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_table_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM _echodb.emit(jsonb_build_object('op', 'rewrite', 'oid', pg_event_trigger_table_rewrite_oid()::bigint,
    'reason', pg_event_trigger_table_rewrite_reason()));
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'echodb could not record a table rewrite: %', SQLERRM;
END $$;

DROP EVENT TRIGGER IF EXISTS peerdb_auto_mirror_trigger;
CREATE EVENT TRIGGER peerdb_auto_mirror_trigger ON ddl_command_end EXECUTE FUNCTION _echodb.on_ddl_command_end();
DROP EVENT TRIGGER IF EXISTS peerdb_auto_mirror_drop_trigger;
CREATE EVENT TRIGGER peerdb_auto_mirror_drop_trigger ON sql_drop EXECUTE FUNCTION _echodb.on_sql_drop();
DROP EVENT TRIGGER IF EXISTS peerdb_auto_mirror_rewrite_trigger;
CREATE EVENT TRIGGER peerdb_auto_mirror_rewrite_trigger ON table_rewrite EXECUTE FUNCTION _echodb.on_table_rewrite();

-- The triggers see to every table, also in sessions that set session_replication_role.
ALTER EVENT TRIGGER peerdb_auto_mirror_trigger ENABLE ALWAYS;
ALTER EVENT TRIGGER peerdb_auto_mirror_drop_trigger ENABLE ALWAYS;
ALTER EVENT TRIGGER peerdb_auto_mirror_rewrite_trigger ENABLE ALWAYS;
