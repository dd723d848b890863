-- ALTER TABLE ... SET UNLOGGED is refused for a published table, by the server and before a trigger could help; so is, since
-- PostgreSQL 18, SET EXPRESSION of a column that is not stored. So the table leaves the publication before the command,
-- and comes back after it unless it is UNLOGGED by then. Safe to run again.
--
-- Which table the command will alter, only its text could tell, and a text is not believed: each table that the role owns
-- and the text names is set aside, and the catalog says afterwards what has become of it. Between the two there is
-- nothing but the command, and when it fails all of this is undone with it.

-- The role on whose behalf the session works. A SECURITY DEFINER function of the application is not seen.
CREATE OR REPLACE FUNCTION _echodb.acting_role() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN current_setting('role') = 'none' THEN session_user ELSE current_setting('role')::name END
$$;

-- Whether a text may name a table: as it is, with its quotes doubled, cut off at 63 bytes, or in escapes.
CREATE OR REPLACE FUNCTION _echodb.may_name(query text, name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
  SELECT query ~* '\mU&"' OR query ~* concat('(^|[^[:alnum:]_$])',
    regexp_replace(replace(name, '"', '""'), '([^[:alnum:]_])', '\\\1', 'g'),
    -- A name that fills its column may have been longer.
    CASE WHEN octet_length(name) < 60 THEN '($|[^[:alnum:]_$])' END)
$$;

-- The source of the functions in SQL that this context names: of those the context does not tell their statements.
CREATE OR REPLACE FUNCTION _echodb.sources_of(context text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
  SELECT coalesce(string_agg(p.prosrc, ';'), '') FROM pg_proc p
  WHERE p.proname IN (SELECT found[1] FROM regexp_matches(context, 'SQL function "([^\n]*)" statement', 'g') found)
$$;

-- The published tables that this text names, with the publication of each and whether it is about an expression.
CREATE OR REPLACE FUNCTION _echodb.tables_named(query text)
RETURNS TABLE (relation oid, publication name, for_expression boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
  SELECT c.oid, p.pubname, query !~* '\munlogged\M'
  FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid,
    _echodb.watch w
  WHERE p.pubname IN (w.publication, w.publication || '_insert_only')
    AND pg_has_role(_echodb.acting_role(), c.relowner, 'USAGE')
    -- First what is fast: a script may be megabytes long.
    AND (query ~* '\mU&"' OR strpos(lower(query), lower(replace(c.relname, '"', '""'))) > 0)
    AND _echodb.may_name(query, c.relname)
    AND (query ~* '\munlogged\M' OR _echodb.has_virtual_column(c.oid))
$$;

-- Until when a command that this text announces may be waited for: half a minute, or half of what the statement may take.
CREATE OR REPLACE FUNCTION _echodb.give_up_at(query text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
  allowed double precision := _echodb.statement_milliseconds();
BEGIN
  IF query !~* '\mset\s+(unlogged|expression)\M' THEN RETURN '-infinity'; END IF;
  RETURN least(clock_timestamp() + '30 s', CASE WHEN allowed > 0 THEN statement_timestamp() + allowed * interval '0.5 ms' END);
END $$;

-- Runs one of our commands without which the application's would be refused, again and again until then, for as long as
-- nobody waits for us. Another transaction that has created a table holds the publication until it ends.
CREATE OR REPLACE FUNCTION _echodb.run_patiently(command text, give_up timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOOP
    BEGIN
      PERFORM _echodb.run_quietly(command);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      IF clock_timestamp() > give_up OR EXISTS (
          SELECT FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid))) THEN
        RAISE;
      END IF;
    END;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION _echodb.set_aside(query text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member record;
  list text := '';
  lock_timeout_before text := current_setting('lock_timeout');
  give_up CONSTANT timestamptz := _echodb.give_up_at(query);
BEGIN
  PERFORM _echodb.begin_own_ddl();
  FOR member IN SELECT * FROM _echodb.tables_named(query) LOOP
    BEGIN
      PERFORM _echodb.run_patiently(format('ALTER PUBLICATION %I DROP TABLE ONLY %s', member.publication,
                                           _echodb.qualified_name(member.relation)), give_up);
      list := concat(list, member.relation, CASE WHEN member.for_expression THEN ' expression;' ELSE ' unlogged;' END);
    EXCEPTION WHEN OTHERS THEN
      RAISE LOG 'echodb could not set relation % aside: %', member.relation, SQLERRM;
    END;
  END LOOP;
  -- With a code, because the setting is anybody's.
  PERFORM set_config('_echodb.set_aside', concat(_echodb.seal(list), ' ', list), true);
  PERFORM _echodb.end_own_ddl(lock_timeout_before);
END $$;

-- After the command, which has changed these objects: what became of one table that was set aside.
CREATE OR REPLACE FUNCTION _echodb.put_back_one(relation oid, rewritten boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = relation AND c.relpersistence = 'u') THEN
    PERFORM _echodb.publish(relation);
  END IF;
  -- It is UNLOGGED now, or the command has taken its key, too.
  IF NOT _echodb.is_published(relation) THEN
    PERFORM _echodb.emit(json_build_object('op', 'unwatch', 'oid', relation::bigint));
  END IF;
  -- Nobody knows what the rows have become.
  IF rewritten THEN
    PERFORM _echodb.emit(json_build_object('op', 'rewrite', 'oid', relation::bigint, 'plain', false));
  END IF;
END $$;

CREATE OR REPLACE FUNCTION _echodb.put_back(altered oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  noted text := current_setting('_echodb.set_aside');
  list text := substr(noted, 66);
  lock_timeout_before text := current_setting('lock_timeout');
  entry record;
BEGIN
  PERFORM set_config('_echodb.set_aside', '', true);
  IF left(noted, 64) IS DISTINCT FROM _echodb.seal(list) THEN RETURN; END IF;
  PERFORM _echodb.begin_own_ddl();
  FOR entry IN
    SELECT c.oid, split_part(item, ' ', 2) = 'expression' AND c.oid = ANY (altered) AS rewritten
    FROM regexp_split_to_table(list, ';') item JOIN pg_class c ON c.oid = split_part(item, ' ', 1)::oid
    WHERE item <> ''
  LOOP
    BEGIN
      PERFORM _echodb.put_back_one(entry.oid, entry.rewritten);
    EXCEPTION WHEN OTHERS THEN
      RAISE LOG 'echodb could not put relation % back: %', entry.oid, SQLERRM;
      PERFORM _echodb.lose_at_least(entry.oid, SQLERRM);
    END;
  END LOOP;
  PERFORM _echodb.end_own_ddl(lock_timeout_before);
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'echodb could not put back what it had set aside: %', SQLERRM;
END $$;

CREATE OR REPLACE FUNCTION _echodb.on_ddl_command_start() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET jit = off SET max_parallel_workers_per_gather = 0 SET standard_conforming_strings = on AS $$
DECLARE
  callers text;
  query text;
BEGIN
  IF _echodb.is_own_ddl() THEN RETURN; END IF;
  -- A statement inside a function stands in the context.
  GET DIAGNOSTICS callers = PG_CONTEXT;
  query := concat(current_query(), ';', callers);
  IF callers ~ 'SQL function "' THEN query := concat(query, ';', _echodb.sources_of(callers)); END IF;
  IF query ~* '\m(unlogged|expression)\M' THEN PERFORM _echodb.set_aside(query); END IF;
EXCEPTION WHEN OTHERS THEN
  RAISE LOG 'echodb could not see what ALTER TABLE is about to do: %', SQLERRM;
END $$;
