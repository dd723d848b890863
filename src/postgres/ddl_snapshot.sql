-- How a table's catalog entry is written down: one JSON shape for the first look and for every change after it, read by
-- postgres/table_schema. Safe to run again.
--
-- Functions that run with every command of the application are PL/pgSQL, even of one expression: a session keeps their
-- plans, while a function in SQL is planned at each call. The triggers ask for generic plans, or PostgreSQL would plan most
-- of it anew each time, and for none that the session's settings make costly: compiled, or with workers. A transaction with a snapshot of its own that changes a catalog row which another one has changed
-- since sees that row twice, as it was and as it is: what such a one looks up by oid has LIMIT 1.

CREATE SCHEMA IF NOT EXISTS _echodb;

-- Resolves domains down to the type whose format the values have.
CREATE OR REPLACE FUNCTION _echodb.base_type(declared oid, declared_typmod integer,
  OUT type_oid oid, OUT typmod integer, OUT kind "char")
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  type_oid := declared;
  typmod := declared_typmod;
  LOOP
    SELECT t.typtype INTO kind FROM pg_type t WHERE t.oid = type_oid;
    EXIT WHEN kind IS DISTINCT FROM 'd';
    SELECT t.typbasetype, CASE WHEN typmod = -1 THEN t.typtypmod ELSE typmod END INTO type_oid, typmod
      FROM pg_type t WHERE t.oid = type_oid;
  END LOOP;
END $$;

-- The name of a type that one of the extensions we know brings; '' for every other.
CREATE OR REPLACE FUNCTION _echodb.extension_type(wanted oid) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce((
      SELECT t.typname FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
      WHERE t.oid = wanted AND d.deptype = 'e' AND e.extname IN ('citext', 'hstore', 'vector', 'postgis')), ''));
END $$;

CREATE OR REPLACE FUNCTION _echodb.type_snapshot(declared oid, declared_typmod integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base record;
  element_oid oid;
  element record;
BEGIN
  SELECT * INTO base FROM _echodb.base_type(declared, declared_typmod);
  SELECT e.oid INTO element_oid FROM pg_type a JOIN pg_type e ON e.oid = a.typelem AND e.typarray = a.oid
    WHERE a.oid = base.type_oid;
  IF element_oid IS NULL THEN
    RETURN jsonb_build_object('oid', base.type_oid::bigint, 'typmod', base.typmod, 'kind', base.kind,
      'declared', format_type(declared, declared_typmod), 'extension_type', _echodb.extension_type(base.type_oid));
  END IF;
  SELECT * INTO element FROM _echodb.base_type(element_oid, -1);
  IF element.typmod = -1 THEN element.typmod := base.typmod; END IF;
  RETURN jsonb_build_object('oid', base.type_oid::bigint, 'typmod', element.typmod, 'kind', 'a',
    'declared', format_type(declared, declared_typmod), 'extension_type', _echodb.extension_type(element.type_oid),
    'element_oid', element.type_oid::bigint, 'element_kind', element.kind);
END $$;

-- The index of the primary key when it tells the stream's rows apart; NULL otherwise. A deferrable key does not: within
-- a transaction two rows may share it, and PostgreSQL does not take it for a replica identity either. Nor does a key
-- with a generated column, which the stream leaves out before PostgreSQL 18.
CREATE OR REPLACE FUNCTION _echodb.key_index(relation oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = relation AND i.indisprimary AND i.indimmediate AND i.indisvalid
      AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (i.indkey::int2[])
                      AND a.attgenerated <> '' AND current_setting('server_version_num')::int < 180000)
    LIMIT 1);
END $$;

-- By the names of columns, the text of the value that rows hold which are older than the column. The catalog keeps it
-- beside the column; of a partitioned table, beside that of its leaves. NULL when there is none.
-- The value is spelled as everywhere in EchoDB, whatever the session prefers.
CREATE OR REPLACE FUNCTION _echodb.missing_values(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres'
SET TimeZone = 'UTC' SET extra_float_digits = 3 SET bytea_output = 'hex' SET array_nulls = on SET quote_all_identifiers = off AS $$
BEGIN
  RETURN (
    SELECT jsonb_object_agg(a.attname, array_to_string(a.attmissingval, ''))  -- of one element
    FROM (SELECT relation AS oid UNION SELECT unnest(_echodb.tree_below(relation))) member
      -- Table by table, or the planner would read all attributes of the database.
      CROSS JOIN LATERAL (SELECT * FROM pg_attribute WHERE attrelid = member.oid AND atthasmissing OFFSET 0) a);
END $$;

-- The types of a table's columns: type_snapshot by oid and typmod. Each once, because a table may have hundreds of columns.
CREATE OR REPLACE FUNCTION _echodb.column_types(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT jsonb_object_agg(concat(declared.atttypid, ' ', declared.atttypmod), CASE
      -- Most types, without a call.
      WHEN t.typtype = 'b' AND t.typelem = 0 AND t.oid < 16384 THEN jsonb_build_object(
        'oid', t.oid::bigint, 'typmod', declared.atttypmod, 'kind', t.typtype,
        'declared', format_type(t.oid, declared.atttypmod), 'extension_type', '')
      ELSE _echodb.type_snapshot(declared.atttypid, declared.atttypmod) END)
    FROM (SELECT DISTINCT a.atttypid, a.atttypmod FROM pg_attribute a
          WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped) declared
      JOIN pg_type t ON t.oid = declared.atttypid);
END $$;

-- A table's columns as they are declared, in their order.
CREATE OR REPLACE FUNCTION _echodb.column_entries(relation oid) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  types CONSTANT jsonb := _echodb.column_types(relation);
  has_missing CONSTANT boolean := EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.atthasmissing) OR EXISTS (
    SELECT FROM pg_class c WHERE c.oid = relation AND c.relkind = 'p');
  missing CONSTANT jsonb := CASE WHEN has_missing THEN _echodb.missing_values(relation) END;
  -- Whether a column may be declared NOT NULL while rows from before still hold NULL: NOT VALID.
  is_declared_apart CONSTANT boolean := current_setting('server_version_num')::integer >= 180000;
BEGIN
  RETURN (
    SELECT coalesce(json_agg(entry), '[]')
    FROM (SELECT a.attnum, a.attname AS name, types -> concat(a.atttypid, ' ', a.atttypmod) AS type,
            a.attnotnull AND NOT (is_declared_apart AND EXISTS (
              SELECT FROM pg_constraint n WHERE n.conrelid = relation AND n.contype = 'n' AND n.conkey[1] = a.attnum
                AND NOT n.convalidated)) AS not_null,
            a.attgenerated <> '' AS generated,
            CASE WHEN a.attgenerated = 'v' THEN (
              SELECT md5(d.adbin::text) FROM pg_attrdef d WHERE d.adrelid = relation AND d.adnum = a.attnum) ELSE '' END
              AS virtual_expression,
            missing -> a.attname AS missing_value
          FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
          ORDER BY a.attnum) entry);
END $$;

-- A table's catalog entry. One JSON shape for the first look and for every change after it. As text: it goes into the log
-- as it is.
CREATE OR REPLACE FUNCTION _echodb.table_entry(relation oid) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT json_build_object(
      'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname, 'relkind', c.relkind,
      'replica_identity', c.relreplident, 'relfilenode', c.relfilenode::bigint,
      'partition_root', CASE WHEN c.relispartition THEN coalesce(pg_partition_root(c.oid)::oid::bigint, 0) ELSE 0 END,
      'columns', _echodb.column_entries(c.oid),
      'primary_key', (
        SELECT coalesce(json_agg(k.attnum ORDER BY k.place), '[]')
        FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        WHERE i.indexrelid = _echodb.key_index(c.oid) AND k.place <= i.indnkeyatts),
      'identity_index', (
        SELECT coalesce(json_agg(k.attnum ORDER BY k.place), '[]')
        FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        WHERE i.indrelid = c.oid AND i.indisreplident AND c.relreplident = 'i' AND k.place <= i.indnkeyatts))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
END $$;

-- The same, to be compared with another one.
CREATE OR REPLACE FUNCTION _echodb.table_snapshot(relation oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT _echodb.table_entry(relation)::jsonb
$$;
