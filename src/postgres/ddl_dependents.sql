-- Changes that reach a table through something else: its partitions, its parents, its types, its schema, an index.
-- Installed behind ddl_trigger.sql, whose functions call these. Safe to run again.

-- The partitions of the published trees, so that one that comes or goes is noticed.
CREATE TABLE IF NOT EXISTS _echodb.partitions (
  partition oid PRIMARY KEY,
  root oid NOT NULL,
  leaving boolean NOT NULL DEFAULT false  -- by a DETACH CONCURRENTLY that is not finished: its rows are the root's no longer
);

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = '_echodb.partitions'::regclass AND a.attname = 'leaving') THEN
    ALTER TABLE _echodb.partitions ADD COLUMN leaving boolean NOT NULL DEFAULT false;
  END IF;
  IF to_regclass('_echodb.partitions_root') IS NULL THEN
    CREATE INDEX partitions_root ON _echodb.partitions (root);
  END IF;
END $$;

-- The labels of all enums but temporary ones, whose end nobody hears of: RENAME VALUE changes what rows show without
-- touching them.
CREATE TABLE IF NOT EXISTS _echodb.enum_labels (
  label oid PRIMARY KEY,
  type oid NOT NULL,
  name name NOT NULL
);

-- Whether what is in this schema goes with its session.
CREATE OR REPLACE FUNCTION _echodb.is_temporary(schema oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_namespace n WHERE n.oid = schema AND n.nspname LIKE 'pg!_temp!_%' ESCAPE '!');
END $$;

CREATE OR REPLACE FUNCTION _echodb.is_published(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN _echodb.membership(relation) IS NOT NULL;
END $$;

-- A table's rows are no longer what the stream said, and no row events say how: it is to be copied again.
CREATE OR REPLACE FUNCTION _echodb.recopy(relation oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Of a table that is none of ours the stream has nothing to do.
  IF _echodb.is_stale() OR _echodb.is_published(relation) THEN
    PERFORM _echodb.emit(json_build_object('op', 'recopy', 'oid', relation::bigint, 'reason', reason));
  END IF;
END $$;

-- The same when what rows show has changed: those that were written before and are committed later still come as they showed.
CREATE OR REPLACE FUNCTION _echodb.recopy_as_shown(relation oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF _echodb.is_published(relation) THEN
    PERFORM _echodb.emit(json_build_object('op', 'recopy', 'oid', relation::bigint, 'reason', reason,
      'types_changed', true));
  END IF;
END $$;

-- TRUNCATE fires no event trigger, and of a single partition nothing is published.
CREATE OR REPLACE FUNCTION _echodb.on_partition_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
  PERFORM _echodb.recopy(pg_partition_root(TG_RELID)::oid, 'a partition was truncated');
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'echodb could not record a TRUNCATE of relation %: %', TG_RELID, SQLERRM;
  PERFORM _echodb.lose_at_least(pg_partition_root(TG_RELID)::oid, SQLERRM);
  RETURN NULL;
END $$;

-- A partition may be UNLOGGED where its root is not.
CREATE OR REPLACE FUNCTION _echodb.refuse_unlogged_partition(part oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_class c WHERE c.oid = part AND c.relpersistence = 'u') THEN
    PERFORM _echodb.emit(json_build_object('op', 'refused', 'oid', part::bigint, 'table', _echodb.qualified_name(part),
      'reason', 'it is an UNLOGGED partition: its rows are not in the log, nor under its root'));
  END IF;
END $$;

-- Whether a table has rows. Its owner could give another name to it and its name to a view while we wait for it, and have
-- the view's functions run with our rights: the table is locked, and its name looked at again, before it is read.
CREATE OR REPLACE FUNCTION _echodb.has_rows(relation oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_rows boolean := false;
BEGIN
  IF _echodb.lock_table(relation) THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', _echodb.qualified_name(relation)) INTO found_rows;
  END IF;
  RETURN found_rows;
END $$;

-- A partition that joined the tree; true when it brought rows, which were never published under the root.
CREATE OR REPLACE FUNCTION _echodb.partition_came(part oid, root oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_leaf boolean;
  has_rows boolean := false;
BEGIN
  PERFORM _echodb.on_unwatched(part);
  PERFORM _echodb.refuse_unlogged_partition(part);
  INSERT INTO _echodb.partitions VALUES (part, root)
    ON CONFLICT (partition) DO UPDATE SET root = excluded.root, leaving = false;
  SELECT c.relkind = 'r' INTO is_leaf FROM pg_class c WHERE c.oid = part;
  IF is_leaf THEN has_rows := _echodb.has_rows(part); END IF;
  RETURN has_rows;
END $$;

-- A partition that left this tree, for another one perhaps; true when it may have taken rows along. One that is still
-- there is a table of its own from now on, or once its DETACH CONCURRENTLY is finished.
CREATE OR REPLACE FUNCTION _echodb.partition_left(part oid, tree oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  entry record;
  has_rows boolean := false;
  was_leaving boolean;
BEGIN
  SELECT c.relkind AS kind, c.relispartition AS in_a_tree,
         EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND to_jsonb(i) ->> 'inhdetachpending' = 'true') AS is_leaving
    INTO entry FROM pg_class c WHERE c.oid = part;
  SELECT p.leaving INTO was_leaving FROM _echodb.partitions p WHERE p.partition = part AND p.root = tree;
  IF entry.is_leaving THEN
    UPDATE _echodb.partitions p SET leaving = true WHERE p.partition = part AND p.root = tree;
    RETURN NOT was_leaving;
  END IF;
  DELETE FROM _echodb.partitions p WHERE p.partition = part AND p.root = tree;
  IF entry.kind IS NULL THEN RETURN NOT coalesce(was_leaving, false); END IF;
  IF entry.kind = 'r' THEN has_rows := _echodb.has_rows(part); END IF;
  IF NOT entry.in_a_tree THEN PERFORM _echodb.on_table_change(part, 'DETACH PARTITION'); END IF;
  RETURN has_rows AND NOT coalesce(was_leaving, false);
END $$;

-- Those of these tables that have joined the tree; true when they brought rows.
CREATE OR REPLACE FUNCTION _echodb.partitions_came(tree oid, members oid[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part oid;
  rows_moved boolean := false;
BEGIN
  -- Each partition's changes travel as soon as the root is published.
  IF _echodb.publishes_changes(tree) AND EXISTS (
      SELECT FROM _echodb.identities_wanted(tree, members) i WHERE NOT _echodb.identity_can_wait(i.relation)) THEN
    RAISE lock_not_available USING MESSAGE = 'a partition''s replica identity could not be set';
  END IF;
  FOR part IN
    SELECT m FROM unnest(members) m
    WHERE NOT EXISTS (SELECT FROM _echodb.partitions p WHERE p.partition = m AND p.root = tree AND NOT p.leaving)
  LOOP
    rows_moved := _echodb.partition_came(part, tree) OR rows_moved;
  END LOOP;
  RETURN rows_moved;
END $$;

-- Compares a published tree with what is known of it. `announced`: the table's own message makes it copied anyway.
CREATE OR REPLACE FUNCTION _echodb.on_partition_tree(tree oid, announced boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part oid;
  rows_moved boolean := _echodb.partitions_came(tree, array_remove(_echodb.tree_below(tree), tree));
BEGIN
  -- Both are looked at anew, and at once: while this waited for a lock, another transaction may have brought a partition.
  FOR part IN
    SELECT p.partition FROM _echodb.partitions p WHERE p.root = tree
      AND NOT EXISTS (SELECT FROM unnest(_echodb.tree_below(tree)) m WHERE m = p.partition)
  LOOP
    rows_moved := _echodb.partition_left(part, tree) OR rows_moved;
  END LOOP;
  IF rows_moved AND NOT announced THEN PERFORM _echodb.recopy(tree, 'a partition with rows came or went'); END IF;
END $$;

-- Whether a published tree has other partitions than is known, one that lacks our trigger, or one whose replica identity
-- does not do: a DETACH CONCURRENTLY that was cut short fires no trigger, and none is made beside an open writer.
CREATE OR REPLACE FUNCTION _echodb.tree_has_drifted(tree oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  members oid[];
BEGIN
  IF _echodb.is_published(tree) IS NOT TRUE THEN RETURN false; END IF;
  members := array_remove(_echodb.tree_below(tree), tree);
  RETURN EXISTS (
    SELECT FROM unnest(members) there(oid)
      FULL JOIN (SELECT p.partition AS oid FROM _echodb.partitions p WHERE p.root = tree AND NOT p.leaving) known USING (oid)
    WHERE there.oid IS NULL OR known.oid IS NULL)
  OR EXISTS (
    SELECT FROM unnest(members) m JOIN pg_class c ON c.oid = m AND c.relkind = 'r'
    WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'echodb_partition_truncate'
                      AND t.tgenabled = 'A'))
  OR _echodb.publishes_changes(tree) AND EXISTS (
    SELECT FROM _echodb.identities_wanted(tree, members) i WHERE NOT _echodb.identity_can_wait(i.relation));
END $$;

-- Whether a published tree, or a partition of it, is to publish less of its old rows, which has waited.
CREATE OR REPLACE FUNCTION _echodb.tree_has_waiting_identities(tree oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN _echodb.is_published(tree) AND _echodb.publishes_changes(tree) AND EXISTS (
    SELECT FROM (
      SELECT tree AS relation WHERE _echodb.identity_wanted(tree) IS NOT NULL
      UNION ALL
      SELECT i.relation FROM _echodb.identities_wanted(tree, array_remove(_echodb.tree_below(tree), tree)) i) wanted
    WHERE _echodb.identity_can_wait(wanted.relation));
END $$;

-- The tables with a column of one of these types, directly or inside a domain, an array, a composite or a range.
CREATE OR REPLACE FUNCTION _echodb.tables_with_types(changed oid[]) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  uses oid[] := changed;
  found_last oid[] := uses;
BEGIN
  -- Not as one recursive query, for which the planner reads all of pg_depend.
  LOOP
    found_last := ARRAY(
      SELECT DISTINCT coalesce(t.oid, c.reltype) FROM unnest(found_last) u(type)
        JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = u.type
        LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
        LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND d.objsubid > 0
      WHERE coalesce(t.oid, c.reltype, 0) <> 0 AND coalesce(t.oid, c.reltype) <> ALL (uses));
    EXIT WHEN cardinality(found_last) = 0;
    uses := uses || found_last;
  END LOOP;
  RETURN QUERY
  SELECT DISTINCT d.objid FROM unnest(uses) u(type)
    JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = u.type
    JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND d.objsubid > 0
  WHERE c.relkind IN ('r', 'p');
END $$;

-- Rows of these tables show otherwise than they did, and nobody touched them.
CREATE OR REPLACE FUNCTION _echodb.recopy_tables_with_types(changed oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation oid;
BEGIN
  FOR relation IN SELECT t FROM _echodb.tables_with_types(changed) t LOOP
    PERFORM _echodb.recopy_as_shown(relation, 'one of its types has changed');
  END LOOP;
END $$;

-- The row types of what a command on this table reaches: of heirs, of partitions.
CREATE OR REPLACE FUNCTION _echodb.row_types(relation oid) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relhassubclass) THEN
    RETURN ARRAY(SELECT c.reltype FROM pg_class c WHERE c.oid = relation AND c.reltype <> 0);
  END IF;
  -- Foreign partitions too.
  RETURN ARRAY(
    WITH RECURSIVE below(oid) AS (
      SELECT relation UNION SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)
    SELECT c.reltype FROM below b JOIN pg_class c ON c.oid = b.oid WHERE c.reltype <> 0);
END $$;

-- Whether something has the rows of this relation, or arrays of them, for values.
CREATE OR REPLACE FUNCTION _echodb.is_row_type_used(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
      JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype = 'n'
    WHERE c.oid = relation);
END $$;

-- Whether a change of this relation, which is no table, may be one of a table: of its heirs, of those that have its rows for
-- values, and of those that another transaction is about to make of it. Nobody else knows of one that this one has made.
CREATE OR REPLACE FUNCTION _echodb.may_reach_tables(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
      SELECT FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
      WHERE c.oid = relation AND (c.relhassubclass OR t.xmin <> pg_current_xact_id()::xid))
    OR _echodb.is_row_type_used(relation);
END $$;

-- The row types of what a command on this relation reaches have changed: tables with columns of them, also those of
-- transactions that are still open.
CREATE OR REPLACE FUNCTION _echodb.row_types_changed(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed oid[] := _echodb.row_types(relation);
BEGIN
  IF cardinality(changed) = 0 THEN RETURN; END IF;
  PERFORM _echodb.emit(json_build_object('op', 'type', 'type', changed[1]::bigint, 'of_rows', true));
  PERFORM _echodb.recopy_tables_with_types(changed);
END $$;

-- A type was created or changed. Rows show a renamed label or another attribute without having been touched.
CREATE OR REPLACE FUNCTION _echodb.on_type_change(changed oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  entry record;
  relation oid;
BEGIN
  SELECT t.typtype AS kind, _echodb.is_temporary(t.typnamespace) AS is_temporary, EXISTS (SELECT FROM _echodb.enum_labels l JOIN pg_enum e ON e.oid = l.label
                                    WHERE l.type = changed AND e.enumlabel <> l.name)
      -- It is a temporary one, or somebody has taken our notes of it away.
      OR t.typtype = 'e' AND tag <> 'CREATE TYPE'
        AND NOT EXISTS (SELECT FROM _echodb.enum_labels l WHERE l.type = changed) AS label_renamed
    INTO entry FROM pg_type t WHERE t.oid = changed;
  IF NOT entry.is_temporary THEN
    INSERT INTO _echodb.enum_labels SELECT e.oid, e.enumtypid, e.enumlabel FROM pg_enum e WHERE e.enumtypid = changed
      ON CONFLICT (label) DO UPDATE SET type = excluded.type, name = excluded.name;
  END IF;
  -- What a stale transaction did to a type was not looked at, and may have been changed again since.
  IF entry.label_renamed OR tag = 'DESCRIBE' OR (entry.kind = 'c' AND tag IN ('ALTER TYPE', 'DROP COLUMN')) THEN
    PERFORM _echodb.emit(json_build_object('op', 'type', 'type', changed::bigint));
    PERFORM _echodb.recopy_tables_with_types(changed || ARRAY(
      SELECT unnest(_echodb.row_types(t)) FROM _echodb.tables_of(changed) t));
  END IF;
  -- Typed tables follow their type.
  FOR relation IN SELECT t FROM _echodb.tables_of(changed) t LOOP
    PERFORM _echodb.on_family_change(relation, tag);
  END LOOP;
END $$;

-- A table and, since ALTER TABLE reaches them too, the tables that inherit from it.
CREATE OR REPLACE FUNCTION _echodb.family(relation oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relhassubclass) THEN
    RETURN NEXT relation;
    RETURN;
  END IF;
  RETURN QUERY
  WITH RECURSIVE family(oid) AS (
    SELECT relation
    UNION
    SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid JOIN pg_class c ON c.oid = i.inhrelid
    WHERE NOT c.relispartition
  )
  SELECT f.oid FROM family f;
END $$;

-- The tables OF a type.
CREATE OR REPLACE FUNCTION _echodb.tables_of(type oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.oid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
  WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = type AND d.classid = 'pg_class'::regclass AND c.reloftype = type;
END $$;

-- The tables that a command touched, of which pg_event_trigger_ddl_commands named this object.
CREATE OR REPLACE FUNCTION _echodb.tables_touched(class oid, object oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF class = 'pg_namespace'::regclass THEN
    RETURN QUERY SELECT c.oid FROM pg_class c WHERE c.relnamespace = object AND c.relkind IN ('r', 'p');
  ELSIF class = 'pg_type'::regclass THEN
    RETURN QUERY SELECT f FROM _echodb.tables_of(object) t, _echodb.family(t) f;
  ELSE
    RETURN QUERY SELECT f FROM _echodb.family(object) f;
    -- The attributes of a composite type.
    RETURN QUERY SELECT f FROM pg_class c, _echodb.tables_of(c.reltype) t, _echodb.family(t) f
      WHERE c.oid = object AND c.relkind = 'c';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_family_change(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member oid;
BEGIN
  FOR member IN SELECT f FROM _echodb.family(relation) f LOOP
    PERFORM _echodb.on_table_change(member, tag);
  END LOOP;
END $$;

-- What a command did to this object could not be written down here: the worker is to ask again.
CREATE OR REPLACE FUNCTION _echodb.lose(object oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member oid;
BEGIN
  FOR member IN
    SELECT t FROM unnest(ARRAY['pg_class', 'pg_type', 'pg_namespace']::regclass[]) class, _echodb.tables_touched(class, object) t
    -- Rows of a partition that the worker has not heard of are its root's.
    UNION SELECT pg_partition_root(object)::oid WHERE pg_partition_root(object) IS NOT NULL
    -- Those that have joined the tree and still count as tables of their own: what is written to them travels as the root's.
    UNION SELECT m FROM unnest(_echodb.tree_below(object)) m WHERE _echodb.is_published(m)
  LOOP
    PERFORM _echodb.emit(json_build_object('op', 'lost', 'oid', member::bigint, 'reason', reason,
      'exclusive', EXISTS (SELECT FROM pg_locks l WHERE l.relation = member AND l.pid = pg_backend_pid()
                           AND l.mode = 'AccessExclusiveLock')));
  END LOOP;
END $$;

-- The same where nothing else could be done, and nothing may fail.
CREATE OR REPLACE FUNCTION _echodb.lose_at_least(object oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  BEGIN
    PERFORM _echodb.lose(object, reason);
    RETURN;
  EXCEPTION WHEN OTHERS THEN
    RAISE LOG 'echodb could not say what else relation % has lost: %', object, SQLERRM;
  END;
  PERFORM _echodb.emit(json_build_object('op', 'lost', 'oid', object::bigint, 'reason', reason, 'exclusive', false));
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'echodb could not say that relation % is lost: %', object, SQLERRM;
END $$;

-- The same of what a stale transaction did.
CREATE OR REPLACE FUNCTION _echodb.lose_unseen(object oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM _echodb.lose(object, 'the transaction sees the catalog as it was when it began');
END $$;

-- The table of ours that this rule has made a view of, as it could before PostgreSQL 16; NULL when it has not.
CREATE OR REPLACE FUNCTION _echodb.former_table(rule oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT c.oid FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
            JOIN _echodb.memberships m ON m.relation = c.oid
          WHERE r.oid = rule);
END $$;

-- Whatever a command created or changed, as pg_event_trigger_ddl_commands names it.
CREATE OR REPLACE FUNCTION _echodb.on_object_change(class oid, object oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  entry record;
  relation oid;
BEGIN
  IF class = 'pg_type'::regclass THEN
    PERFORM _echodb.on_type_change(object, tag);
  ELSIF class = 'pg_rewrite'::regclass THEN
    PERFORM _echodb.on_dropped(object);
  ELSIF class = 'pg_namespace'::regclass THEN
    FOR relation IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = object AND c.relkind IN ('r', 'p') LOOP
      PERFORM _echodb.on_table_change(relation, tag);
    END LOOP;
  ELSIF class = 'pg_class'::regclass THEN
    SELECT c.reltype, c.relkind = 'c' AS is_type, c.relkind IN ('r', 'p') AS is_table INTO entry FROM pg_class c WHERE c.oid = object;
    IF entry.is_type THEN
      PERFORM _echodb.on_type_change(entry.reltype, tag);
    ELSE
      PERFORM _echodb.on_family_change(object, tag);
      IF tag IN ('ALTER TABLE', 'DROP COLUMN') OR NOT entry.is_table THEN
        PERFORM _echodb.row_types_changed(object);
      END IF;
    END IF;
  END IF;
END $$;

-- The trees that a drop left behind changed: a partition is gone, or our trigger on one.
CREATE OR REPLACE FUNCTION _echodb.torn_trees() RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT p.root FROM _echodb.partitions p JOIN pg_class c ON c.oid = p.root
  WHERE NOT EXISTS (SELECT FROM pg_class gone WHERE gone.oid = p.partition)
  UNION
  SELECT p.root FROM _echodb.partitions p JOIN pg_class c ON c.oid = p.partition
  WHERE c.relkind = 'r' AND c.relispartition AND NOT EXISTS (
    SELECT FROM pg_trigger t WHERE t.tgrelid = p.partition AND t.tgname = 'echodb_partition_truncate');
END $$;

-- These partitions of a tree were dropped, with rows perhaps. Nothing else of it has changed.
CREATE OR REPLACE FUNCTION _echodb.on_partitions_dropped(tree oid, dropped oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  had_rows boolean;
BEGIN
  WITH gone AS (
    DELETE FROM _echodb.partitions p WHERE p.root = tree AND p.partition = ANY (dropped) RETURNING p.leaving)
  SELECT bool_or(NOT gone.leaving) INTO had_rows FROM gone;
  IF had_rows THEN PERFORM _echodb.recopy(tree, 'a partition with rows came or went'); END IF;
END $$;

-- The tables whose replica identity was dropped: without one the application's next UPDATE would fail.
CREATE OR REPLACE FUNCTION _echodb.without_identity() RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.oid FROM pg_class c WHERE c.relreplident = 'i' AND c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
    AND _echodb.is_published(coalesce(pg_partition_root(c.oid)::oid, c.oid));
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_type_dropped(dropped oid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM _echodb.enum_labels l WHERE l.type = dropped
$$;

-- Labels that were renamed while nobody listened.
SELECT _echodb.recopy_tables_with_types(ARRAY[renamed.type]) FROM (
  SELECT DISTINCT l.type FROM _echodb.enum_labels l JOIN pg_enum e ON e.oid = l.label WHERE e.enumlabel <> l.name) renamed;
INSERT INTO _echodb.enum_labels SELECT e.oid, e.enumtypid, e.enumlabel FROM pg_enum e
  WHERE e.enumtypid IN (SELECT t.oid FROM pg_type t WHERE t.typtype = 'e' AND NOT _echodb.is_temporary(t.typnamespace))
  ON CONFLICT (label) DO UPDATE SET type = excluded.type, name = excluded.name;
