-- The ALTERs that a followed table needs before it is published: a replica identity, and a trigger for TRUNCATE on each
-- partition. Safe to run again.
--
-- The table may be one that the application's own transaction has just created. PostgreSQL loses such a table when a
-- subtransaction changes its row in pg_class and is rolled back while VACUUM FULL rewrites pg_class. So each ALTER is a
-- subtransaction of its own and the last thing in it: it fails at its lock, before it has changed a row, or not at all.

-- Tables whose replica identity we changed, and what it was, so that it can be set back.
CREATE TABLE IF NOT EXISTS _echodb.identity_set (
  relation oid PRIMARY KEY,
  identity_before "char" NOT NULL,
  index_before oid                -- of USING INDEX
);

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = '_echodb.identity_set'::regclass AND a.attname = 'index_before') THEN
    ALTER TABLE _echodb.identity_set ADD COLUMN index_before oid;
  END IF;
END $$;

-- Whether an UPDATE or DELETE of the table travels: not when it has no key and the policy leaves those out. FULL counts where
-- it is the application's; where it is ours, it is from a time when the policy was another one.
CREATE OR REPLACE FUNCTION _echodb.publishes_changes(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT w.no_pk_policy = 'full' OR _echodb.key_index(relation) IS NOT NULL
        OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisreplident)
        OR EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relreplident = 'f'
                   AND NOT EXISTS (SELECT FROM _echodb.identity_set s WHERE s.relation = c.oid))
    FROM _echodb.watch w);
END $$;

-- Whether the table's updates travel as things are, whatever its rows and columns: without a replica identity PostgreSQL
-- refuses them.
CREATE OR REPLACE FUNCTION _echodb.is_among_changes(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w
                 WHERE r.prrelid = relation AND p.pubname = w.publication);
END $$;

-- Takes a table out of our publications; one of them may be spared. True when it was in another.
CREATE OR REPLACE FUNCTION _echodb.leave_publications(relation oid, spared name) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  publication name;
  has_left boolean := false;
BEGIN
  FOR publication IN
    SELECT p.pubname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w
    WHERE r.prrelid = relation AND p.pubname IN (w.publication, w.publication || '_insert_only')
      AND p.pubname IS DISTINCT FROM spared
  LOOP
    PERFORM _echodb.run_quietly_on(relation, format('ALTER PUBLICATION %I DROP TABLE ONLY ', publication));
    has_left := true;
  END LOOP;
  RETURN has_left;
END $$;

-- A table that has lost its key under a policy that leaves such tables out, or their changes: its updates and deletes are
-- to travel no longer, before the application makes one.
CREATE OR REPLACE FUNCTION _echodb.stop_changes(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT w.no_pk_policy = 'skip' FROM _echodb.watch w) THEN
    PERFORM _echodb.on_unwatched(relation);
  ELSE
    PERFORM _echodb.leave_publications(relation, (SELECT w.publication || '_insert_only' FROM _echodb.watch w)::name);
  END IF;
END $$;

-- The replica identity with which a table's updates worked before we gave it another; NULL when there was none, or is none
-- any more.
CREATE OR REPLACE FUNCTION _echodb.identity_before(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE s.identity_before
      WHEN 'd' THEN CASE WHEN _echodb.key_index(identity_before.relation) IS NOT NULL THEN 'DEFAULT' END
      WHEN 'i' THEN (
        SELECT format('USING INDEX %I', x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        WHERE i.indexrelid = s.index_before AND i.indrelid = identity_before.relation AND i.indisunique AND i.indisvalid AND i.indimmediate
          AND i.indpred IS NULL AND NOT EXISTS (
            SELECT FROM unnest(i.indkey::int2[]) k LEFT JOIN pg_attribute a ON a.attrelid = identity_before.relation AND a.attnum = k
            WHERE a.attnotnull IS NOT TRUE)) END
    FROM _echodb.identity_set s WHERE s.relation = identity_before.relation);
END $$;

-- The replica identity that makes sure that an UPDATE or DELETE cannot fail for want of one, or takes our change back
-- once the table has a key of its own; NULL when the table has what it needs.
CREATE OR REPLACE FUNCTION _echodb.identity_wanted(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE
      WHEN NOT entry.has_key AND entry.identity IN ('d', 'n') THEN 'FULL'
      -- A filter may need it.
      WHEN entry.identity = 'f' AND NOT _echodb.has_virtual_column(relation) AND _echodb.is_published_in_part(relation, 'prqual')
        THEN NULL
      -- It was a partition.
      WHEN entry.identity = 'f' AND _echodb.identity_before(relation) <> 'DEFAULT' THEN _echodb.identity_before(relation)
      WHEN entry.has_key AND (entry.identity = 'n' OR entry.identity = 'f' AND (_echodb.has_virtual_column(relation)
        OR EXISTS (SELECT FROM _echodb.identity_set s WHERE s.relation = identity_wanted.relation))) THEN 'DEFAULT'
    END
    FROM (SELECT _echodb.key_index(c.oid) IS NOT NULL AS has_key,
                 -- USING INDEX of an index that was dropped is NOTHING.
                 CASE WHEN c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
                        AND i.indisreplident) THEN 'n' ELSE c.relreplident END AS identity
          FROM pg_class c WHERE c.oid = relation LIMIT 1) entry);
END $$;

-- The columns by which a mirror tells a table's rows apart, in alphabetical order; NULL when it takes all of them.
CREATE OR REPLACE FUNCTION _echodb.key_columns(relation oid) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT array_agg(a.attname ORDER BY a.attname)
    FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    WHERE c.oid = relation
      AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indexrelid = _echodb.key_index(c.oid) END);
END $$;

-- Whether the application publishes updates of a table through a list of its columns (prattrs), which have to cover the
-- replica identity and never cover FULL, or a filter of its rows (prqual), whose columns the replica identity has to cover:
-- one of these. Both came with PostgreSQL 15.
CREATE OR REPLACE FUNCTION _echodb.is_published_in_part(relation oid, VARIADIC by text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w
    WHERE (r.prrelid = relation OR r.prrelid IN (SELECT a.relid FROM pg_partition_ancestors(relation) a))
      AND p.pubname NOT IN (w.publication, w.publication || '_insert_only') AND (p.pubupdate OR p.pubdelete)
      AND EXISTS (SELECT FROM unnest(by) part WHERE to_jsonb(r) ->> part IS NOT NULL));
END $$;

-- The replica identities that these partitions of a tree need. An UPDATE or DELETE names the old row by the identity of
-- the partition that it was in, and the root's mirror looks for it by its own key: so the one has to have the other. Where
-- a publication of the application's would then refuse its updates it stays as it is, or gets back what it had, and the tree
-- is copied after each.
CREATE OR REPLACE FUNCTION _echodb.identities_wanted(tree oid, parts oid[]) RETURNS TABLE (relation oid, wanted text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  needed name[] := _echodb.key_columns(tree);
BEGIN
  RETURN QUERY
  SELECT * FROM (
    SELECT part.oid, CASE
        WHEN part.identity IN ('f', 'd') AND part.before <> CASE part.identity WHEN 'd' THEN 'DEFAULT' ELSE '' END
          AND _echodb.is_published_in_part(part.oid, 'prattrs', CASE part.identity WHEN 'd' THEN 'prqual' ELSE 'prattrs' END)
          THEN part.before
        WHEN part.identity = 'f' AND NOT (part.is_ours AND coalesce(needed <@ part.primary_key, false)) THEN NULL
        WHEN part.identity = 'i' AND needed <@ _echodb.key_columns(part.oid) THEN NULL
        WHEN NOT coalesce(needed <@ part.primary_key, false) THEN CASE WHEN NOT part.takes_no_full THEN 'FULL' END
        WHEN part.identity = 'i' AND _echodb.is_published_in_part(part.oid, 'prattrs', 'prqual') THEN NULL
        WHEN part.identity = 'f' AND _echodb.is_published_in_part(part.oid, 'prqual') THEN NULL
        WHEN part.identity <> 'd' THEN 'DEFAULT'
      END AS identity
    FROM (SELECT c.oid, c.relreplident AS identity, key.columns AS primary_key,
            EXISTS (SELECT FROM _echodb.identity_set s WHERE s.relation = c.oid) AS is_ours, _echodb.identity_before(c.oid) AS before,
            (c.relreplident = 'i' OR c.relreplident = 'd' AND key.columns <> '{}')
              AND _echodb.is_published_in_part(c.oid, 'prattrs') AS takes_no_full
          FROM unnest(parts) p JOIN pg_class c ON c.oid = p AND c.relkind = 'r', LATERAL (
            SELECT coalesce(array_agg(a.attname), '{}') AS columns FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid
              AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
            WHERE i.indexrelid = _echodb.key_index(c.oid)) key) part) each
  WHERE each.identity IS NOT NULL;
END $$;

-- A partition whose whole old rows are published lacks nothing meanwhile, if it is to publish less, and no more does a
-- partitioned table, which has no rows: to set that would keep everybody off it until the application's transaction ends,
-- which has not locked it perhaps. But of one with a VIRTUAL column PostgreSQL refuses the whole old row.
CREATE OR REPLACE FUNCTION _echodb.identity_can_wait(part oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_class c WHERE c.oid = part AND c.relreplident = 'f'
                 AND (c.relkind = 'p' OR NOT _echodb.has_virtual_column(c.oid)))
    AND NOT _echodb.is_published_in_part(part, 'prattrs');
END $$;

-- The partitions of these tables; not those that a DETACH CONCURRENTLY is taking away.
CREATE OR REPLACE FUNCTION _echodb.partitions_of(parents oid[]) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('server_version_num')::integer < 140000 THEN
    RETURN ARRAY(SELECT i.inhrelid FROM unnest(parents) p JOIN pg_inherits i ON i.inhparent = p);
  END IF;
  RETURN ARRAY(SELECT i.inhrelid FROM unnest(parents) p JOIN pg_inherits i ON i.inhparent = p WHERE NOT i.inhdetachpending);
END $$;

-- The tables of a tree below this one, with it; not those that are foreign. Nothing is locked for it: pg_partition_tree would
-- lock each partition until the application's transaction ends, and wait for whoever has locked one.
CREATE OR REPLACE FUNCTION _echodb.tree_below(relation oid) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  members oid[] := ARRAY(SELECT c.oid FROM pg_class c WHERE c.oid = relation AND (c.relkind = 'p' OR c.relispartition) LIMIT 1);
  level oid[] := members;
BEGIN
  WHILE cardinality(level) > 0 LOOP
    -- Table by table, or the planner would read all of pg_class.
    level := ARRAY(SELECT p FROM unnest(_echodb.partitions_of(level)) p
                   WHERE (SELECT c.relkind FROM pg_class c WHERE c.oid = p LIMIT 1) IN ('r', 'p'));
    members := members || level;
  END LOOP;
  RETURN members;
END $$;

-- The leaves of these trees as they are, also for a transaction that sees the catalog as it was; none where somebody has
-- locked one. What is locked for it is given up with the subtransaction.
CREATE OR REPLACE FUNCTION _echodb.leaves_now(trees oid[]) RETURNS oid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  leaves oid[];
BEGIN
  BEGIN
    leaves := ARRAY(SELECT t.relid::oid FROM unnest(trees) tree, pg_partition_tree(tree) t WHERE t.isleaf);
    RAISE triggered_action_exception;
  EXCEPTION WHEN triggered_action_exception THEN
    RETURN leaves;
  WHEN OTHERS THEN
    RAISE LOG 'echodb could not look at the partitions of relations %: %', trees, SQLERRM;
    RETURN ARRAY[]::oid[];
  END;
END $$;

CREATE OR REPLACE FUNCTION _echodb.qualified_name(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = relation LIMIT 1);
END $$;

-- Notes what a table's replica identity was before it becomes this one. Another transaction may have noted it first, in a
-- row that a REPEATABLE READ one does not see.
CREATE OR REPLACE FUNCTION _echodb.remember_identity(relation oid, wanted text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM _echodb.identity_set s WHERE s.relation = remember_identity.relation
    AND (wanted LIKE 'USING INDEX %' OR wanted = 'DEFAULT' AND s.identity_before <> 'i');
  IF FOUND THEN RETURN; END IF;
  INSERT INTO _echodb.identity_set
    SELECT c.oid, c.relreplident, (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
    FROM pg_class c WHERE c.oid = remember_identity.relation
    ON CONFLICT ON CONSTRAINT identity_set_pkey DO UPDATE
      SET identity_before = excluded.identity_before, index_before = excluded.index_before
      WHERE excluded.identity_before = 'i';
EXCEPTION WHEN serialization_failure THEN
  RAISE LOG 'echodb leaves what another transaction has noted of relation %', relation;
END $$;

-- What it was before is not remembered of a SERIALIZABLE transaction, which could fail for having written that down.
CREATE OR REPLACE FUNCTION _echodb.set_identity(relation oid, wanted text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'serializable' THEN PERFORM _echodb.remember_identity(relation, wanted); END IF;
  PERFORM _echodb.run_quietly_on(relation, 'ALTER TABLE ', ' REPLICA IDENTITY ' || wanted);
END $$;

-- Of one that can wait. No command of the application's is kept waiting by a session of ours that waits for this lock.
CREATE OR REPLACE FUNCTION _echodb.set_waiting_identity(relation oid, wanted text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lock_timeout_before text := current_setting('lock_timeout');
BEGIN
  PERFORM set_config('lock_timeout', '1ms', true);
  PERFORM _echodb.set_identity(relation, wanted);
  PERFORM set_config('lock_timeout', lock_timeout_before, true);
EXCEPTION WHEN lock_not_available THEN
  RETURN;
END $$;

-- How this identity is set now, as a call; NULL when it waits.
CREATE OR REPLACE FUNCTION _echodb.identity_call(relation oid, wanted text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE
    WHEN NOT _echodb.identity_can_wait(relation) OR relation = ANY (_echodb.locked_here())
      THEN format('_echodb.set_identity(%s, %L)', relation, wanted)
    WHEN current_setting('_echodb.is_describing', true) = 'on'
      THEN format('_echodb.set_waiting_identity(%s, %L)', relation, wanted) END;
END $$;

-- TRUNCATE fires no event trigger, and of a single partition nothing is published. One that was a partition without the
-- trigger may have been truncated unheard.
CREATE OR REPLACE FUNCTION _echodb.create_truncate_trigger(part oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM _echodb.partitions p WHERE p.partition = part) THEN
    PERFORM _echodb.recopy(pg_partition_root(part)::oid, 'a partition was without our trigger');
  END IF;
  PERFORM _echodb.run_quietly_on(part, 'CREATE TRIGGER echodb_partition_truncate AFTER TRUNCATE ON ',
                                 ' FOR EACH STATEMENT EXECUTE FUNCTION _echodb.on_partition_truncate()');
END $$;

-- One that somebody has disabled may have missed a TRUNCATE.
CREATE OR REPLACE FUNCTION _echodb.enable_truncate_trigger(part oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM _echodb.partitions p JOIN pg_trigger t ON t.tgrelid = p.partition
             WHERE p.partition = part AND t.tgname = 'echodb_partition_truncate' AND t.tgenabled IN ('D', 'R')) THEN
    PERFORM _echodb.recopy(pg_partition_root(part)::oid, 'our trigger on a partition was disabled');
  END IF;
  PERFORM _echodb.run_quietly_on(part, 'ALTER TABLE ', ' ENABLE ALWAYS TRIGGER echodb_partition_truncate');
END $$;

CREATE OR REPLACE FUNCTION _echodb.drop_truncate_trigger(part oid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT _echodb.run_quietly_on(part, 'DROP TRIGGER echodb_partition_truncate ON ')
$$;

-- Whether a table may be followed under its own name.
CREATE OR REPLACE FUNCTION _echodb.may_be_published(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.oid = relation AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
                   AND _echodb.is_watched(n.nspname, c.relname))
    AND _echodb.refusal(relation) IS NULL;
END $$;

-- Whether a table is followed under its own name, or is about to be. One that could not be taken out of the publication
-- when it lost its key goes on with all that it has: its updates must work.
CREATE OR REPLACE FUNCTION _echodb.is_to_be_published(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN _echodb.may_be_published(relation)
    AND (_echodb.publishes_changes(relation) OR _echodb.is_among_changes(relation));
END $$;

-- Whether this transaction sees the catalog as it was when it began. What it finds there may have been replaced; and a
-- SERIALIZABLE one may fail for what it has read of a table that another one writes, ours among them.
CREATE OR REPLACE FUNCTION _echodb.is_stale() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted');
END $$;

-- After a change of a publication of the application's, for whose sake these partitions had to be prepared.
CREATE OR REPLACE FUNCTION _echodb.require_identities(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  top oid := coalesce(pg_partition_root(relation)::oid, relation);
BEGIN
  IF _echodb.is_stale() THEN
    PERFORM _echodb.lose_unseen(relation);
  ELSIF _echodb.is_published(top)
      AND EXISTS (SELECT FROM _echodb.identities_wanted(top, array_remove(_echodb.tree_below(relation), top))) THEN
    RAISE lock_not_available USING MESSAGE = 'a partition''s replica identity could not be set';
  END IF;
END $$;

-- The tables among these that are published and have no replica identity, whatever the transaction sees: these functions
-- look at the catalog as it is.
CREATE OR REPLACE FUNCTION _echodb.without_identity_now(relations oid[]) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT r FROM unnest(relations) r, _echodb.watch w
  WHERE CASE WHEN coalesce(pg_partition_root(r::regclass)::oid, r) IN (SELECT p.relid FROM pg_get_publication_tables(w.publication) p)
    THEN pg_get_replica_identity_index(r::regclass) IS NULL
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r AND c.relreplident = 'f') END;
END $$;

-- The replica identities that these tables need, as calls; of a partition that of its tree from there on.
CREATE OR REPLACE FUNCTION _echodb.identity_preparations(relations oid[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  entry record;
  top oid;
  wanted text;
BEGIN
  IF _echodb.is_stale() THEN
    -- A partition may be younger than what the transaction sees.
    RETURN QUERY SELECT format('_echodb.set_identity(%s, %L)', r, 'FULL') FROM _echodb.without_identity_now(
      relations || _echodb.leaves_now(relations)) r;
    RETURN;
  END IF;
  FOR entry IN
    SELECT c.oid, c.relispartition AS is_partition, c.relkind = 'p' AS is_tree
    FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind IN ('r', 'p')
  LOOP
    top := CASE WHEN entry.is_partition THEN pg_partition_root(entry.oid)::oid ELSE entry.oid END;
    wanted := CASE WHEN entry.oid = top THEN _echodb.identity_wanted(entry.oid) END;
    CONTINUE WHEN wanted IS NULL AND NOT entry.is_partition AND NOT entry.is_tree OR NOT _echodb.is_to_be_published(top);
    RETURN QUERY SELECT call FROM (
      SELECT CASE WHEN entry.is_tree THEN _echodb.identity_call(entry.oid, wanted)
                  ELSE format('_echodb.set_identity(%s, %L)', entry.oid, wanted) END AS call WHERE wanted IS NOT NULL
      UNION ALL
      SELECT _echodb.identity_call(i.relation, i.wanted)
        FROM _echodb.identities_wanted(top, array_remove(_echodb.tree_below(entry.oid), top)) i) needed
    WHERE call IS NOT NULL;
  END LOOP;
END $$;

-- What else these tables, the trees from there on, and the partitions that have left those need, as calls, each of which
-- is one ALTER.
CREATE OR REPLACE FUNCTION _echodb.preparations(relations oid[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Only trees need anything.
  IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = ANY (relations) AND (c.relispartition OR c.relkind = 'p')) THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH touched AS MATERIALIZED (
    SELECT top.*, _echodb.is_to_be_published(top.root) AS is_followed
    FROM (SELECT c.oid, coalesce(pg_partition_root(c.oid)::oid, c.oid) AS root, c.relkind AS kind
          FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind IN ('r', 'p')) top
  ), gone AS (
    -- A table leaves a tree by a command on what it was a partition of.
    SELECT p.partition AS oid FROM _echodb.partitions p JOIN pg_class c ON c.oid = p.partition
    WHERE p.root IN (SELECT t.root FROM touched t WHERE t.kind = 'p') AND NOT c.relispartition
  ), leaf AS (
    SELECT c.oid, g.tgenabled FROM touched t, unnest(_echodb.tree_below(t.oid)) part JOIN pg_class c ON c.oid = part
      LEFT JOIN pg_trigger g ON g.tgrelid = c.oid AND g.tgname = 'echodb_partition_truncate'
    WHERE c.relispartition AND c.relkind = 'r' AND t.is_followed
  )
  SELECT format('_echodb.set_identity(%s, %L)', gone.oid, _echodb.identity_wanted(gone.oid)) FROM gone
  WHERE _echodb.is_to_be_published(gone.oid) AND _echodb.identity_wanted(gone.oid) IS NOT NULL
  UNION
  SELECT format('_echodb.%s_truncate_trigger(%s)', step, leaf.oid)
  FROM leaf, unnest(ARRAY['create', 'enable']) step
  WHERE leaf.tgenabled IS NULL OR (step = 'enable' AND leaf.tgenabled <> 'A')
  UNION ALL
  SELECT format('_echodb.drop_truncate_trigger(%s)', t.tgrelid)
  FROM gone JOIN pg_trigger t ON t.tgrelid = gone.oid AND t.tgname = 'echodb_partition_truncate';
END $$;

-- The tables, among these and the trees that they belong to, whose changes are to travel no longer.
CREATE OR REPLACE FUNCTION _echodb.without_changes(relations oid[]) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT w.no_pk_policy = 'full' FROM _echodb.watch w) THEN RETURN; END IF;
  RETURN QUERY
  SELECT top.oid FROM (
    SELECT DISTINCT coalesce(pg_partition_root(c.oid)::oid, c.oid) AS oid
    FROM pg_class c WHERE c.oid = ANY (relations) AND c.relkind IN ('r', 'p')) top
  WHERE _echodb.is_among_changes(top.oid) AND NOT _echodb.publishes_changes(top.oid);
END $$;

-- Runs these; with a catalog that may be out of date, only what an application's statement would fail without. Nothing is
-- raised: a table that lacks something still is not published, and its owner's command goes on.
CREATE OR REPLACE FUNCTION _echodb.prepare(relations oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  steps text[];
  step text;
BEGIN
  -- An ordinary table with a key has all that it needs.
  IF NOT _echodb.is_stale() AND NOT EXISTS (
      SELECT FROM pg_class c WHERE c.oid = ANY (relations) AND (c.relkind = 'p' OR c.relispartition OR c.relreplident <> 'd'
        OR _echodb.key_index(c.oid) IS NULL)) THEN
    RETURN;
  END IF;
  -- What a table needs depends on whether its changes could be stopped.
  FOR turn IN CASE WHEN _echodb.is_stale() THEN 2 ELSE 1 END .. CASE WHEN _echodb.is_stale() THEN 2 ELSE 3 END LOOP
    BEGIN
      steps := CASE turn
        WHEN 1 THEN ARRAY(SELECT format('_echodb.stop_changes(%s)', t) FROM _echodb.without_changes(relations) t)
        WHEN 2 THEN ARRAY(SELECT DISTINCT s FROM _echodb.identity_preparations(relations) s)
        ELSE ARRAY(SELECT s FROM _echodb.preparations(relations) s ORDER BY s) END;
    EXCEPTION WHEN OTHERS THEN
      RAISE LOG 'echodb could not see what relations % need: %', relations, SQLERRM;
      CONTINUE;
    END;
    FOREACH step IN ARRAY steps LOOP
      BEGIN
        EXECUTE 'SELECT ' || step;
      EXCEPTION WHEN lock_not_available THEN
        -- The application has waited once for us: that is enough for all of its partitions.
        PERFORM set_config('lock_timeout', '1ms', true);
        RAISE LOG 'echodb could not do %: %', step, SQLERRM;
      WHEN OTHERS THEN
        RAISE LOG 'echodb could not do %: %', step, SQLERRM;
      END;
    END LOOP;
  END LOOP;
END $$;
