-- Changes that reach a table through something else: its partitions, its parents, its types, its schema, an index.
-- Installed behind ddl_trigger.sql, whose functions call these. Safe to run again.

-- The partitions of the published trees, so that one that comes or goes is noticed.
CREATE TABLE IF NOT EXISTS _echodb.partitions (
  partition oid PRIMARY KEY,
  root oid NOT NULL
);

-- The labels of all enums: RENAME VALUE changes what rows show without touching them.
CREATE TABLE IF NOT EXISTS _echodb.enum_labels (
  label oid PRIMARY KEY,
  type oid NOT NULL,
  name name NOT NULL
);

CREATE OR REPLACE FUNCTION _echodb.is_published(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w
                 WHERE r.prrelid = relation AND p.pubname IN (w.publication, w.publication || '_insert_only'))
$$;

-- A table's rows are no longer what the stream said, and no row events say how: it is to be copied again.
CREATE OR REPLACE FUNCTION _echodb.recopy(relation oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF _echodb.is_published(relation) THEN
    PERFORM _echodb.emit(jsonb_build_object('op', 'recopy', 'oid', relation::bigint, 'reason', reason));
  END IF;
END $$;

-- TRUNCATE fires no event trigger, and of a single partition nothing is published.
CREATE OR REPLACE FUNCTION _echodb.on_partition_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM _echodb.recopy(pg_partition_root(TG_RELID)::oid, 'a partition was truncated');
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'echodb could not record a TRUNCATE of %: %', TG_RELID::regclass, SQLERRM;
  PERFORM _echodb.lose(pg_partition_root(TG_RELID)::oid, SQLERRM);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION _echodb.watch_truncate(partition oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  qualified text;
BEGIN
  SELECT format('%I.%I', n.nspname, c.relname) INTO qualified
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = partition AND c.relkind = 'r'
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'echodb_partition_truncate');
  IF NOT FOUND THEN RETURN; END IF;
  EXECUTE format('CREATE TRIGGER echodb_partition_truncate AFTER TRUNCATE ON %s '
                 'FOR EACH STATEMENT EXECUTE FUNCTION _echodb.on_partition_truncate()', qualified);
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER echodb_partition_truncate', qualified);
END $$;

-- A partition may be UNLOGGED where its root is not.
CREATE OR REPLACE FUNCTION _echodb.refuse_unlogged_partition(part oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_class c WHERE c.oid = part AND c.relpersistence = 'u') THEN
    PERFORM _echodb.emit(jsonb_build_object('op', 'refused', 'oid', part::bigint, 'table', part::regclass::text,
      'reason', 'it is an UNLOGGED partition: its rows are not in the log, nor under its root'));
  END IF;
END $$;

-- A partition that joined the tree; true when it brought rows, which were never published under the root.
CREATE OR REPLACE FUNCTION _echodb.partition_came(part oid, root oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  is_leaf boolean;
  has_rows boolean := false;
BEGIN
  PERFORM _echodb.on_unwatched(part);
  PERFORM _echodb.refuse_unlogged_partition(part);
  PERFORM _echodb.watch_truncate(part);
  INSERT INTO _echodb.partitions VALUES (part, root)
    ON CONFLICT (partition) DO UPDATE SET root = excluded.root;
  SELECT c.relkind = 'r' INTO is_leaf FROM pg_class c WHERE c.oid = part;
  IF is_leaf THEN EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', part::regclass) INTO has_rows; END IF;
  RETURN has_rows;
END $$;

-- A partition that left the tree; true when it may have taken rows along. One that is still there is a table of its
-- own from now on.
CREATE OR REPLACE FUNCTION _echodb.partition_left(part oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  has_rows boolean := false;
BEGIN
  DELETE FROM _echodb.partitions p WHERE p.partition = part;
  SELECT c.relkind AS kind, c.relispartition AS in_a_tree INTO entry FROM pg_class c WHERE c.oid = part;
  IF NOT FOUND THEN RETURN true; END IF;
  IF entry.kind = 'r' THEN EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', part::regclass) INTO has_rows; END IF;
  IF NOT entry.in_a_tree THEN
    EXECUTE format('DROP TRIGGER IF EXISTS echodb_partition_truncate ON %s', part::regclass);
    PERFORM _echodb.on_table_change(part, 'DETACH PARTITION');
  END IF;
  RETURN has_rows;
END $$;

-- Compares a published tree with what is known of it. `announced`: the table's own message makes it copied anyway.
CREATE OR REPLACE FUNCTION _echodb.on_partition_tree(tree oid, announced boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  part oid;
  rows_moved boolean := false;
BEGIN
  -- The root's key may have come or gone.
  FOR part IN SELECT t.relid::oid FROM pg_partition_tree(tree) t WHERE t.relid <> tree LOOP
    PERFORM _echodb.ensure_identity(part);
  END LOOP;
  FOR part IN
    SELECT t.relid::oid FROM pg_partition_tree(tree) t WHERE t.relid <> tree
      AND NOT EXISTS (SELECT FROM _echodb.partitions p WHERE p.partition = t.relid AND p.root = tree)
  LOOP
    rows_moved := _echodb.partition_came(part, tree) OR rows_moved;
  END LOOP;
  FOR part IN
    SELECT p.partition FROM _echodb.partitions p WHERE p.root = tree
      AND NOT EXISTS (SELECT FROM pg_partition_tree(tree) t WHERE t.relid = p.partition)
  LOOP
    rows_moved := _echodb.partition_left(part) OR rows_moved;
  END LOOP;
  IF rows_moved AND NOT announced THEN PERFORM _echodb.recopy(tree, 'a partition with rows came or went'); END IF;
END $$;

-- The tables with a column of this type, directly or inside a domain, an array, a composite or a range.
CREATE OR REPLACE FUNCTION _echodb.tables_with_type(changed oid) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  WITH RECURSIVE uses(type) AS (
    SELECT changed
    UNION
    SELECT coalesce(t.oid, c.reltype) FROM uses
      JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = uses.type
      LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
      LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND d.objsubid > 0
    WHERE coalesce(t.oid, c.reltype, 0) <> 0
  )
  SELECT DISTINCT d.objid FROM uses
    JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = uses.type
    JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid AND d.objsubid > 0
  WHERE c.relkind IN ('r', 'p')
$$;

-- Rows of these tables show otherwise than they did, and nobody touched them.
CREATE OR REPLACE FUNCTION _echodb.recopy_tables_with_type(changed oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  relation oid;
BEGIN
  FOR relation IN SELECT t FROM _echodb.tables_with_type(changed) t LOOP
    PERFORM _echodb.recopy(relation, 'one of its types has changed');
  END LOOP;
END $$;

-- A type was created or changed. Rows show a renamed label or another attribute without having been touched.
CREATE OR REPLACE FUNCTION _echodb.on_type_change(changed oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  relation oid;
BEGIN
  SELECT t.typtype AS kind, EXISTS (SELECT FROM _echodb.enum_labels l JOIN pg_enum e ON e.oid = l.label
                                    WHERE l.type = changed AND e.enumlabel <> l.name) AS label_renamed
    INTO entry FROM pg_type t WHERE t.oid = changed;
  INSERT INTO _echodb.enum_labels SELECT e.oid, e.enumtypid, e.enumlabel FROM pg_enum e WHERE e.enumtypid = changed
    ON CONFLICT (label) DO UPDATE SET name = excluded.name;
  IF entry.label_renamed OR (entry.kind = 'c' AND tag = 'ALTER TYPE') THEN
    PERFORM _echodb.recopy_tables_with_type(changed);
  END IF;
  -- Typed tables follow their type.
  FOR relation IN SELECT c.oid FROM pg_class c WHERE c.reloftype = changed LOOP
    PERFORM _echodb.on_table_change(relation, tag);
  END LOOP;
END $$;

-- A table and, since ALTER TABLE reaches them too, the tables that inherit from it.
CREATE OR REPLACE FUNCTION _echodb.family(relation oid) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  WITH RECURSIVE family(oid) AS (
    SELECT relation
    UNION
    SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid JOIN pg_class c ON c.oid = i.inhrelid
    WHERE NOT c.relispartition
  )
  SELECT f.oid FROM family f
$$;

CREATE OR REPLACE FUNCTION _echodb.on_family_change(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  member oid;
BEGIN
  FOR member IN SELECT f FROM _echodb.family(relation) f LOOP
    PERFORM _echodb.on_table_change(member, tag);
  END LOOP;
END $$;

-- What a command did to this object could not be written down here: the worker is to ask again.
CREATE OR REPLACE FUNCTION _echodb.lose(object oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  member oid;
BEGIN
  FOR member IN
    SELECT f FROM _echodb.family(object) f
    UNION SELECT c.oid FROM pg_class c WHERE c.relnamespace = object AND c.relkind IN ('r', 'p')
  LOOP
    PERFORM _echodb.emit(jsonb_build_object('op', 'lost', 'oid', member::bigint, 'reason', reason,
      'exclusive', EXISTS (SELECT FROM pg_locks l WHERE l.relation = member AND l.pid = pg_backend_pid()
                           AND l.mode = 'AccessExclusiveLock')));
  END LOOP;
END $$;

-- Whatever a command created or changed, as pg_event_trigger_ddl_commands names it.
CREATE OR REPLACE FUNCTION _echodb.on_object_change(class oid, object oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  entry record;
  relation oid;
BEGIN
  IF class = 'pg_type'::regclass THEN
    PERFORM _echodb.on_type_change(object, tag);
  ELSIF class = 'pg_namespace'::regclass THEN
    FOR relation IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = object AND c.relkind IN ('r', 'p') LOOP
      PERFORM _echodb.on_table_change(relation, tag);
    END LOOP;
  ELSIF class = 'pg_class'::regclass THEN
    SELECT c.reltype, c.relkind = 'c' AS is_type INTO entry FROM pg_class c WHERE c.oid = object;
    IF entry.is_type THEN
      PERFORM _echodb.on_type_change(entry.reltype, tag);
    ELSE
      PERFORM _echodb.on_family_change(object, tag);
      IF tag = 'ALTER TABLE' THEN PERFORM _echodb.recopy_tables_with_type(entry.reltype); END IF;
    END IF;
  END IF;
END $$;

-- The tables that a drop left behind changed: what was dropped may have belonged to a tree that goes on, or have been a
-- table's replica identity, and without one the application's next UPDATE would fail.
CREATE OR REPLACE FUNCTION _echodb.orphans() RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT p.root FROM _echodb.partitions p JOIN pg_class c ON c.oid = p.root
  WHERE NOT EXISTS (SELECT FROM pg_class gone WHERE gone.oid = p.partition)
  UNION
  SELECT c.oid FROM pg_class c WHERE c.relreplident = 'i'
    AND (_echodb.is_published(c.oid) OR EXISTS (SELECT FROM _echodb.partitions p WHERE p.partition = c.oid))
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
$$;

CREATE OR REPLACE FUNCTION _echodb.on_type_dropped(dropped oid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
  DELETE FROM _echodb.enum_labels l WHERE l.type = dropped
$$;

-- SET UNLOGGED is refused for a published table, by the server and before any other trigger could help; so the table
-- leaves the publication first. So is SET EXPRESSION of a column that is not stored; that table comes back when the
-- command is done, and is copied again. The command's text is the only thing there is to see at this point. Names are
-- looked up as the command itself would.
CREATE OR REPLACE FUNCTION _echodb.on_ddl_command_start() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  callers text;
  named text[];
  relation pg_catalog.regclass;
BEGIN
  IF pg_catalog.current_setting('_echodb.own_ddl', true) OPERATOR(pg_catalog.=) 'on' THEN RETURN; END IF;
  -- A statement inside a function stands in the context.
  GET DIAGNOSTICS callers = PG_CONTEXT;
  FOR named IN
    SELECT pg_catalog.regexp_matches(pg_catalog.concat(pg_catalog.current_query(), ';', callers),
      'alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?((?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?)[^;]*\sset\s+(unlogged|expression)',
      'gi')
  LOOP
    relation := pg_catalog.to_regclass(named[1]);
    CONTINUE WHEN relation IS NULL;
    PERFORM _echodb.guard(relation, pg_catalog.concat('SET ', named[2], ' of ', relation),
      CASE WHEN pg_catalog.lower(named[2]) OPERATOR(pg_catalog.=) 'unlogged'
        THEN pg_catalog.format('_echodb.on_unwatched(%s)', relation::pg_catalog.oid)
        ELSE pg_catalog.format('_echodb.unpublish(%1$s, %2$L) WHERE _echodb.has_virtual_column(%1$s)',
                               relation::pg_catalog.oid, 'rewrite')
      END);
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'echodb could not see what ALTER TABLE is about to do: %', SQLERRM;
END $$;

INSERT INTO _echodb.enum_labels SELECT e.oid, e.enumtypid, e.enumlabel FROM pg_enum e
  ON CONFLICT (label) DO UPDATE SET name = excluded.name;
