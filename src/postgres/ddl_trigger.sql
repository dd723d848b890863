-- What EchoDB installs in the source: which tables it watches, and the event triggers that publish new tables and put
-- every schema change into the log, in commit order among the rows. Beside it stand ddl_snapshot.sql (how a table is
-- described), ddl_messages.sql (how that gets into the log), ddl_prepare.sql (what a table needs before it is published),
-- ddl_unlogged.sql (what has to happen before a command) and ddl_dependents.sql (changes that reach a table through
-- something else). Safe to run again.

-- One row: what `echodb setup` was told. The triggers read it.
CREATE TABLE IF NOT EXISTS _echodb.watch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  publication name NOT NULL,
  schemas text[] NOT NULL,
  excluded text[] NOT NULL,       -- regular expressions for name and schema.name
  no_pk_policy text NOT NULL      -- full, insert_only or skip
);

CREATE OR REPLACE FUNCTION _echodb.is_watched(schema_name text, table_name text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM _echodb.watch w WHERE schema_name = ANY (w.schemas)
      AND NOT EXISTS (SELECT FROM unnest(w.excluded) AS pattern
                      WHERE table_name ~ pattern OR (schema_name || '.' || table_name) ~ pattern));
END $$;

-- The tables to mirror now: permanent ones, a partition tree by its root.
CREATE OR REPLACE FUNCTION _echodb.watched_tables() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
    AND _echodb.is_watched(n.nspname, c.relname) ORDER BY c.oid
$$;

-- PostgreSQL 18 has generated columns that are not stored, and refuses to update a published table whose rows are
-- identified by all their columns when one of those is among them.
CREATE OR REPLACE FUNCTION _echodb.has_virtual_column(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                 AND a.attgenerated = 'v');
END $$;

-- Why a watched table cannot be followed; NULL when it can.
CREATE OR REPLACE FUNCTION _echodb.refusal(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE
      WHEN c.relpersistence = 'u' THEN 'it is UNLOGGED: its rows are not in the log'
      WHEN _echodb.has_virtual_column(c.oid) AND (w.no_pk_policy = 'full' OR c.relreplident = 'f')
          AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
                          AND (i.indisreplident OR i.indexrelid = _echodb.key_index(c.oid)))
        THEN 'it has a VIRTUAL generated column and no primary key: PostgreSQL would refuse its updates'
    END
    FROM pg_class c, _echodb.watch w WHERE c.oid = relation LIMIT 1);
END $$;

-- The place of each table in a publication, as we gave it. One that was taken out and put back by somebody has another.
CREATE TABLE IF NOT EXISTS _echodb.memberships (
  relation oid PRIMARY KEY,
  membership oid NOT NULL
);

-- A table's place in our publications, with all its rows and columns; NULL when it has none.
CREATE OR REPLACE FUNCTION _echodb.membership(relation oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT r.oid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w
    WHERE r.prrelid = relation AND p.pubname IN (w.publication, w.publication || '_insert_only')
      -- Row filters and column lists came with PostgreSQL 15.
      AND to_jsonb(r) ->> 'prqual' IS NULL AND to_jsonb(r) ->> 'prattrs' IS NULL
    ORDER BY p.pubname LIMIT 1);
END $$;

-- Whether somebody else gave a table its place: what was written before is not in the log.
CREATE OR REPLACE FUNCTION _echodb.membership_lapsed(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM _echodb.memberships m WHERE m.relation = membership_lapsed.relation
                 AND m.membership <> _echodb.membership(m.relation));
END $$;

-- Publishes one table; true when it was not published before, or for a while.
CREATE OR REPLACE FUNCTION _echodb.publish(relation oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  settings _echodb.watch%ROWTYPE;
  target name;
  lapsed boolean := _echodb.membership_lapsed(relation);
  place record;
BEGIN
  SELECT * INTO settings FROM _echodb.watch;
  target := settings.publication;
  IF NOT _echodb.publishes_changes(relation) THEN
    IF settings.no_pk_policy = 'skip' THEN
      PERFORM _echodb.on_unwatched(relation);
      RETURN false;
    END IF;
    target := settings.publication || '_insert_only';
  ELSIF _echodb.identity_wanted(relation) IS NOT NULL AND NOT (
      _echodb.identity_can_wait(relation) AND EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'p')) THEN
    IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = relation) THEN
      RAISE insufficient_privilege USING MESSAGE = format('must be owner of table %s to set its replica identity', relation::regclass);
    END IF;
    RAISE lock_not_available USING MESSAGE = 'its replica identity could not be set';
  END IF;
  SELECT r.oid, to_jsonb(r) ->> 'prqual' IS NULL AND to_jsonb(r) ->> 'prattrs' IS NULL AS is_whole INTO place
    FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
    WHERE r.prrelid = relation AND p.pubname = target;
  PERFORM _echodb.leave_publications(relation, CASE WHEN place.is_whole THEN target END);
  IF place.is_whole IS NOT TRUE THEN
    PERFORM _echodb.run_quietly_on(relation, format('ALTER PUBLICATION %I ADD TABLE ONLY ', target));
    lapsed := true;
  END IF;
  -- This locks the row even where it stays as it is: of two transactions that describe one table, neither of which has
  -- locked that, the second waits, or has it described once more.
  INSERT INTO _echodb.memberships SELECT relation, _echodb.membership(relation)
    ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE SET membership = excluded.membership
    WHERE memberships.membership <> excluded.membership;
  RETURN lapsed;
END $$;

-- One table that a command created or changed.
CREATE OR REPLACE FUNCTION _echodb.on_table_change(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
    IF entry.kind = 'p' THEN PERFORM _echodb.on_unwatched_tree(relation); END IF;
    RETURN;
  END IF;
  reason := _echodb.refusal(relation);
  IF reason IS NOT NULL THEN
    PERFORM _echodb.on_unwatched(relation);
    PERFORM _echodb.emit(json_build_object('op', 'refused', 'oid', relation::bigint,
      'table', entry.schema_name || '.' || entry.table_name, 'reason', reason));
    RETURN;
  END IF;
  published := _echodb.publish(relation);
  IF NOT _echodb.is_published(relation) THEN RETURN; END IF;
  PERFORM _echodb.emit(json_build_object('op', 'table', 'tag', tag, 'published', published,
    'empty', entry.kind = 'p' OR pg_relation_size(relation) = 0, 'table', _echodb.table_entry(relation)));
  IF entry.kind = 'p' THEN PERFORM _echodb.on_partition_tree(relation, published); END IF;
END $$;

-- A watched table may have joined a tree that is not followed, or left it: nothing but its own catalog row tells.
CREATE OR REPLACE FUNCTION _echodb.on_unwatched_tree(tree oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member oid;
BEGIN
  FOR member IN
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid <> tree AND c.relkind IN ('r', 'p') AND age(c.xmin) <= age(pg_current_xact_id()::xid)
      AND pg_has_role(_echodb.acting_role(), c.relowner, 'USAGE')
      AND c.relispartition = (_echodb.is_published(c.oid)) AND _echodb.is_watched(n.nspname, c.relname)
  LOOP
    PERFORM _echodb.prepare(ARRAY[member]);
    PERFORM _echodb.on_table_change(member, 'ALTER TABLE');
  END LOOP;
END $$;

-- A partition's rows travel under its root, if that is followed.
CREATE OR REPLACE FUNCTION _echodb.on_partition_change(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  root oid := pg_partition_root(relation);
BEGIN
  IF NOT _echodb.is_published(root) THEN
    IF _echodb.is_published(relation) THEN
      PERFORM _echodb.emit(json_build_object('op', 'refused', 'oid', relation::bigint,
        'table', _echodb.qualified_name(relation),
        'reason', concat('it is a partition of ', _echodb.qualified_name(root), ', which is not mirrored')));
    END IF;
    PERFORM _echodb.on_unwatched(relation);
  ELSIF EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'p') THEN
    -- Something may have left it as well.
    PERFORM _echodb.on_partition_tree(root, false);
  ELSIF _echodb.partitions_came(root, ARRAY[relation]) THEN
    PERFORM _echodb.recopy(root, 'a partition with rows came');
  END IF;
END $$;

-- Takes a table that is followed no longer out of the publications and says so in the log, when it was in one.
CREATE OR REPLACE FUNCTION _echodb.on_unwatched(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF _echodb.leave_publications(relation, NULL) THEN
    PERFORM _echodb.emit(json_build_object('op', 'unwatch', 'oid', relation::bigint));
  END IF;
END $$;

-- The lock under which a table is described. A session that holds a weak one and asks for a stronger one has another that does
-- the same end in a deadlock, at once: the first lock is the one that ALTER PUBLICATION takes, where that will be needed.
CREATE OR REPLACE FUNCTION _echodb.description_lock(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN _echodb.may_be_published(relation)
      AND CASE WHEN _echodb.is_published(relation)
        THEN _echodb.membership_lapsed(relation) OR _echodb.is_among_changes(relation) <> _echodb.publishes_changes(relation)
        ELSE _echodb.publishes_changes(relation) OR (SELECT w.no_pk_policy <> 'skip' FROM _echodb.watch w) END
      -- Who may not publish it need not try.
      AND EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND pg_has_role(c.relowner, 'USAGE'))
    THEN 'SHARE UPDATE EXCLUSIVE' ELSE 'ACCESS SHARE' END;
END $$;

-- Locks a table against schema changes; false when there is none. Only names can be locked, and a table may get another
-- one while we wait. A transaction that sees the catalog as it was would look for the old name for ever.
CREATE OR REPLACE FUNCTION _echodb.lock_table(relation oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  qualified text;
BEGIN
  FOR attempt IN 1 .. 100 LOOP
    SELECT _echodb.qualified_name(c.oid) INTO qualified FROM pg_class c
      WHERE c.oid = relation AND c.relkind IN ('r', 'p');
    IF NOT FOUND THEN RETURN false; END IF;
    BEGIN
      EXECUTE format('LOCK TABLE ONLY %s IN %s MODE', qualified, _echodb.description_lock(relation));
    EXCEPTION WHEN undefined_table THEN
      CONTINUE;
    END;
    IF to_regclass(qualified) = relation THEN RETURN true; END IF;
  END LOOP;
  RAISE lock_not_available USING MESSAGE = concat('relation ', relation, ' is renamed again and again');
END $$;

-- Says what a table is now, and gives it what it needs for being followed; false when there is none.
CREATE OR REPLACE FUNCTION _echodb.describe_table(relation oid, tag text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lock_timeout_before text := current_setting('lock_timeout');
BEGIN
  -- No command of the application's is kept waiting. The strongest lock comes first: see description_lock().
  PERFORM set_config('_echodb.is_describing', 'on', true);
  PERFORM _echodb.prepare(ARRAY[relation]);
  PERFORM set_config('_echodb.is_describing', '', true);
  -- prepare() cuts it short once it has waited.
  PERFORM set_config('lock_timeout', lock_timeout_before, true);
  IF NOT _echodb.lock_table(relation) THEN RETURN false; END IF;
  PERFORM _echodb.on_table_change(relation, tag);
  RETURN true;
END $$;

-- The same for what is no table: a type, by its own oid or its attributes' one, what has rows of a type, or a schema. False
-- when there is none.
CREATE OR REPLACE FUNCTION _echodb.describe_other(object oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  type oid := (SELECT t.oid FROM pg_type t WHERE t.oid = object
               UNION ALL SELECT c.reltype FROM pg_class c WHERE c.oid = object AND c.relkind = 'c' LIMIT 1);
  relation oid;
BEGIN
  IF type IS NOT NULL THEN
    PERFORM _echodb.on_type_change(type, 'DESCRIBE');
    RETURN true;
  END IF;
  IF EXISTS (SELECT FROM pg_class c WHERE c.oid = object AND c.relkind IN ('v', 'm', 'f')) THEN
    PERFORM _echodb.describe_reach(object);
    RETURN true;
  END IF;
  FOR relation IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = object AND c.relkind IN ('r', 'p') LOOP
    IF _echodb.describe_table(relation, 'DESCRIBE') THEN PERFORM _echodb.describe_reach(relation); END IF;
  END LOOP;
  RETURN EXISTS (SELECT FROM pg_namespace n WHERE n.oid = object);
END $$;

-- What a command on this table may have changed besides: its heirs, and tables that hold rows of these as values.
CREATE OR REPLACE FUNCTION _echodb.describe_reach(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heir oid;
BEGIN
  FOR heir IN SELECT f FROM _echodb.family(relation) f WHERE f <> relation LOOP
    PERFORM _echodb.describe_table(heir, 'DESCRIBE');
  END LOOP;
  PERFORM _echodb.row_types_changed(relation);
END $$;

-- Publishes a table if need be and puts its present schema into the log, or that it is gone. By the tag the worker
-- knows what is wanted: SETUP for the first time, DESCRIBE for a change that could not be recorded when it was made,
-- RESYNC for a copy made again. The lock makes sure that what is read here is in force where the message will stand.
CREATE OR REPLACE FUNCTION _echodb.describe(object oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lock_timeout_before text := current_setting('lock_timeout');
  torn oid;
BEGIN
  PERFORM _echodb.begin_own_ddl();
  IF _echodb.describe_table(object, tag) THEN
    IF tag = 'DESCRIBE' THEN PERFORM _echodb.describe_reach(object); END IF;
  ELSIF NOT _echodb.describe_other(object) THEN
    PERFORM _echodb.emit(json_build_object('op', 'drop', 'oid', object::bigint));
    FOR torn IN SELECT t FROM _echodb.torn_trees() t UNION SELECT w FROM _echodb.without_identity() w LOOP
      PERFORM _echodb.describe_table(torn, tag);
    END LOOP;
  END IF;
  PERFORM _echodb.end_own_ddl(lock_timeout_before);
END $$;

-- Calls one of our functions on behalf of an application's command that touched these relations. The command never
-- fails because of us: an error becomes a line in the server's log and a message in the stream that says this object can
-- no longer be trusted. It hardly waits either: publishing locks the publication until the transaction ends, so another
-- transaction that creates tables could hold us up, or close a deadlock; we give up long before the server would look
-- for one, and the worker asks for the table's description later.
CREATE OR REPLACE FUNCTION _echodb.guard(object oid, deed text, call text, relations oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lock_timeout_before text := current_setting('lock_timeout');
BEGIN
  BEGIN
    PERFORM _echodb.begin_own_ddl();
  EXCEPTION WHEN OTHERS THEN
    RAISE LOG 'echodb cannot record %: %', deed, SQLERRM;
    RETURN;
  END;
  PERFORM _echodb.prepare(relations);
  BEGIN
    EXECUTE 'SELECT ' || call;
  EXCEPTION WHEN OTHERS THEN
    RAISE LOG 'echodb could not record %: %', deed, SQLERRM;
    PERFORM _echodb.lose_at_least(object, SQLERRM);
  END;
  PERFORM _echodb.end_own_ddl(lock_timeout_before);
END $$;

-- A table that is watched no longer, for a session of ours.
CREATE OR REPLACE FUNCTION _echodb.unfollow(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lock_timeout_before text := current_setting('lock_timeout');
BEGIN
  PERFORM _echodb.begin_own_ddl();
  PERFORM _echodb.on_unwatched(relation);
  PERFORM _echodb.end_own_ddl(lock_timeout_before);
END $$;

-- The table whose key this ALTER INDEX has completed, as an index that is attached may, at whatever level: then the topmost index
-- became valid in this transaction. NULL when it did not: of any other index there is nothing to be said, and its table, which
-- the command has not locked perhaps, is left alone.
CREATE OR REPLACE FUNCTION _echodb.table_of_completed_key(index oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT i.indrelid FROM pg_index i
          WHERE i.indexrelid = pg_partition_root(index)::oid AND age(i.xmin) <= age(pg_current_xact_id()::xid)
            AND i.indexrelid = _echodb.key_index(i.indrelid) AND _echodb.may_be_published(i.indrelid));
END $$;

-- The topmost table is not locked by the command, and what is read here has to be in force where the message will stand.
CREATE OR REPLACE FUNCTION _echodb.on_key_completed(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF _echodb.lock_table(relation) THEN PERFORM _echodb.on_family_change(relation, tag); END IF;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_ddl_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
  command record;
BEGIN
  IF _echodb.is_own_ddl() THEN RETURN; END IF;
  IF coalesce(current_setting('_echodb.set_aside', true), '') <> '' THEN
    PERFORM _echodb.put_back(ARRAY(SELECT c.objid FROM pg_event_trigger_ddl_commands() c));
  END IF;
  FOR command IN
    SELECT DISTINCT ON (c.objid) c.classid, c.command_tag, c.object_identity, c.object_type = 'index' AS completes_key,
      CASE c.object_type
        WHEN 'index' THEN _echodb.table_of_completed_key(c.objid)
        WHEN 'rule' THEN _echodb.former_table(c.objid)
        ELSE c.objid END AS objid
    FROM pg_event_trigger_ddl_commands() c
    WHERE (c.object_type IN ('table', 'table column', 'type', 'composite type', 'composite type column', 'schema')
           OR (c.object_type = 'index' AND c.command_tag = 'ALTER INDEX' AND _echodb.table_of_completed_key(c.objid) IS NOT NULL)
           OR (c.object_type = 'rule' AND _echodb.former_table(c.objid) IS NOT NULL)
           OR (c.object_type IN ('view', 'materialized view', 'foreign table', 'foreign table column')
               AND _echodb.may_reach_tables(c.objid)))
      -- A table that stays may have a column of a type that goes with its session.
      AND (c.schema_name IS DISTINCT FROM 'pg_temp'
           OR c.object_type IN ('type', 'composite type', 'composite type column') AND c.command_tag <> 'CREATE TYPE'
           OR c.object_type IN ('table', 'view') AND _echodb.is_row_type_used(c.objid))
    ORDER BY c.objid
  LOOP
    PERFORM _echodb.guard(command.objid, command.command_tag || ' of ' || command.object_identity,
      CASE WHEN _echodb.is_stale() THEN format('_echodb.lose_unseen(%s)', command.objid)
        WHEN command.completes_key THEN format('_echodb.on_key_completed(%s, %L)', command.objid, command.command_tag)
        ELSE format('_echodb.on_object_change(%s, %s, %L)', command.classid, command.objid, command.command_tag) END,
      ARRAY(SELECT t FROM _echodb.tables_touched(command.classid, command.objid) t));
  END LOOP;
  IF tg_tag = 'ALTER EXTENSION' THEN
    -- What belongs to it may have gone with it into another schema.
    FOR command IN
      SELECT r.oid AS relation FROM pg_event_trigger_ddl_commands() c JOIN pg_depend d
        ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = c.objid AND d.deptype = 'e'
        JOIN pg_class r ON d.classid = 'pg_class'::regclass AND r.oid = d.objid AND r.relkind IN ('r', 'p')
      WHERE c.object_type = 'extension'
    LOOP
      PERFORM _echodb.guard(command.relation, tg_tag,
        CASE WHEN _echodb.is_stale() THEN format('_echodb.lose_unseen(%s)', command.relation)
          ELSE format('_echodb.on_family_change(%s, %L)', command.relation, tg_tag) END,
        ARRAY(SELECT f FROM _echodb.family(command.relation) f));
    END LOOP;
  END IF;
  IF tg_tag IN ('CREATE PUBLICATION', 'ALTER PUBLICATION') THEN
    FOR command IN
      SELECT r.prrelid AS relation FROM pg_event_trigger_ddl_commands() c JOIN pg_publication_rel r
        ON CASE c.object_type WHEN 'publication' THEN r.prpubid = c.objid WHEN 'publication relation' THEN r.oid = c.objid END
      WHERE coalesce(to_jsonb(r) ->> 'prattrs', to_jsonb(r) ->> 'prqual') IS NOT NULL
    LOOP
      PERFORM _echodb.guard(command.relation, tg_tag, format('_echodb.require_identities(%s)', command.relation),
                            ARRAY[command.relation]);
    END LOOP;
  END IF;
EXCEPTION WHEN undefined_function OR undefined_table OR undefined_column THEN
  -- As for a drop.
  RAISE LOG 'echodb could not record %: %', tg_tag, SQLERRM;
WHEN OTHERS THEN
  RAISE LOG 'echodb could not record %: %', tg_tag, SQLERRM;
  PERFORM _echodb.lose_at_least(c.objid, SQLERRM) FROM pg_event_trigger_ddl_commands() c WHERE c.classid <> 'pg_publication'::regclass;
END $$;

-- What a drop means for its table, as a call.
CREATE OR REPLACE FUNCTION _echodb.drop_call(object oid, object_type text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE
    WHEN object_type = 'table' THEN format('_echodb.on_dropped(%s)', object)
    WHEN object_type = 'type' THEN format('_echodb.on_type_dropped(%s)', object)
    -- DROP TYPE ... CASCADE and the like take columns along; ALTER TABLE says so itself, a moment later.
    WHEN NOT _echodb.is_stale() THEN
      format('_echodb.on_object_change(%s, %s, %L)', 'pg_class'::regclass::oid, object, 'DROP COLUMN')
    ELSE format('_echodb.lose_unseen(%s)', object)
  END;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
  dropped record;
BEGIN
  IF _echodb.is_own_ddl() THEN RETURN; END IF;
  FOR dropped IN
    SELECT DISTINCT d.objid, d.object_type, d.object_identity FROM pg_event_trigger_dropped_objects() d
    WHERE (NOT d.is_temporary AND d.schema_name NOT IN ('_echodb', 'pg_temp')
           OR d.object_type IN ('table column', 'composite type column') AND _echodb.is_row_type_used(d.objid))
      AND (d.object_type IN ('table column', 'composite type column', 'foreign table column')
           -- A partition is no mirror, unless it was one before.
           OR (d.object_type = 'table' AND (_echodb.is_stale()
             OR NOT EXISTS (SELECT FROM _echodb.partitions p WHERE p.partition = d.objid)
             OR EXISTS (SELECT FROM _echodb.memberships m WHERE m.relation = d.objid)))
           -- It may have been a replica identity.
           OR (d.object_type = 'index' AND _echodb.is_stale())
           OR (d.object_type = 'type' AND NOT _echodb.is_stale()
               AND EXISTS (SELECT FROM _echodb.enum_labels l WHERE l.type = d.objid)))
  LOOP
    PERFORM _echodb.guard(dropped.objid, 'the drop of ' || dropped.object_identity,
      _echodb.drop_call(dropped.objid, dropped.object_type),
      CASE WHEN dropped.object_type IN ('table column', 'foreign table column')
        THEN ARRAY(SELECT f FROM _echodb.family(dropped.objid) f) ELSE ARRAY[]::oid[] END);
  END LOOP;
  PERFORM _echodb.look_after_drop(
    ARRAY(SELECT d.objid FROM pg_event_trigger_dropped_objects() d WHERE d.object_type = 'table' AND NOT _echodb.is_stale()),
    EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d
            WHERE d.object_type = 'trigger' AND d.object_identity LIKE 'echodb!_partition!_truncate on %' ESCAPE '!'),
    -- An index goes with its table, or for the sake of something else.
    EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d WHERE d.object_type = 'index')
      AND EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d
                  WHERE (d.original AND d.object_type <> 'table') OR d.object_type NOT IN ('table', 'toast table', 'type',
                    'index', 'table constraint', 'default value', 'sequence', 'trigger', 'rule', 'policy',
                    'publication relation')));
EXCEPTION WHEN undefined_function OR undefined_table OR undefined_column THEN
  -- Something of ours is missing; the worker sees it, puts it back and has every table described.
  RAISE LOG 'echodb could not record a drop: %', SQLERRM;
WHEN OTHERS THEN
  RAISE LOG 'echodb could not record a drop: %', SQLERRM;
  PERFORM _echodb.lose_at_least(d.objid, SQLERRM) FROM pg_event_trigger_dropped_objects() d WHERE d.classid = 'pg_class'::regclass;
END $$;

-- The relations that this transaction has locked against everybody, as the command has whose index it drops.
CREATE OR REPLACE FUNCTION _echodb.locked_here() RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT l.relation FROM pg_locks l WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid()
               AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()));
END $$;

-- What a drop of these tables, and of what belonged to others, has left behind: trees without a partition, or without our
-- trigger on one; tables without their replica identity.
CREATE OR REPLACE FUNCTION _echodb.look_after_drop(dropped oid[], triggers boolean, indexes boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  torn oid;
  orphan oid;
BEGIN
  DELETE FROM _echodb.identity_set s WHERE s.relation = ANY (dropped);
  FOR torn IN
    SELECT DISTINCT p.root FROM unnest(dropped) d JOIN _echodb.partitions p ON p.partition = d JOIN pg_class c ON c.oid = p.root
  LOOP
    PERFORM _echodb.guard(torn, concat('what a drop left of relation ', torn),
      format('_echodb.on_partitions_dropped(%s, %L)', torn, dropped), ARRAY[]::oid[]);
  END LOOP;
  FOR orphan IN
    SELECT o FROM unnest(CASE WHEN indexes THEN ARRAY(SELECT w FROM _echodb.without_identity() w) END) o
    UNION SELECT o FROM unnest(CASE WHEN indexes AND _echodb.is_stale()
      THEN ARRAY(SELECT w FROM _echodb.without_identity_now(_echodb.locked_here()) w) END) o
    UNION SELECT o FROM unnest(CASE WHEN triggers AND NOT _echodb.is_stale() AND cardinality(dropped) = 0
      THEN ARRAY(SELECT t FROM _echodb.torn_trees() t) END) o
  LOOP
    PERFORM _echodb.guard(orphan, concat('what a drop left of relation ', orphan),
      CASE WHEN _echodb.is_stale() THEN format('_echodb.lose(%s, %L)', orphan, 'its replica identity was dropped')
        ELSE format('_echodb.on_table_change(%s, %L)', orphan, 'DROP') END, ARRAY[orphan]);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_dropped(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM _echodb.emit(json_build_object('op', 'drop', 'oid', relation::bigint));
  -- The worker asks what it was, hears that it is gone, and has the tree that it was in looked at.
  IF _echodb.is_stale() THEN
    PERFORM _echodb.lose_unseen(relation);
    RETURN;
  END IF;
  DELETE FROM _echodb.identity_set s WHERE s.relation = on_dropped.relation;
  DELETE FROM _echodb.partitions p WHERE p.root = on_dropped.relation;
  DELETE FROM _echodb.memberships m WHERE m.relation = on_dropped.relation;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_table_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET jit = off SET max_parallel_workers_per_gather = 0 SET standard_conforming_strings = on AS $$
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
  -- A command without USING gives each value the cast of the old one. Inside a function, or an extension's script, its
  -- text cannot be seen; one line of context is this function alone.
  PERFORM _echodb.emit(json_build_object('op', 'rewrite', 'oid', relation::bigint,
    'plain', current_query() !~* '\m(using|extension)\M' AND callers !~ '\n.'));
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'echodb could not record a table rewrite: %', SQLERRM;
  PERFORM _echodb.lose_at_least(relation, SQLERRM);
END $$;
