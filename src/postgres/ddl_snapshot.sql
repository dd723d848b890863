-- How a table's catalog entry is written down: one JSON shape for the first look and for every change after it, read by
-- postgres/table_schema. Safe to run again.
--
-- Functions that run with every command of the application are PL/pgSQL, even of one expression: a session keeps their
-- plans, while a function in SQL is planned at each call. A catalog row may show twice in a transaction with a snapshot of
-- its own (see table_snapshot), so what is looked up by oid has LIMIT 1.

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
  SELECT e.oid INTO element_oid FROM pg_type e WHERE e.typarray = base.type_oid;
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

-- What the rows that are older than a column hold, kept beside it in the catalog; of a partitioned table, by its leaves.
-- The value is spelled as everywhere in EchoDB, whatever the session prefers.
CREATE OR REPLACE FUNCTION _echodb.missing_value(relation oid, column_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres'
SET TimeZone = 'UTC' SET extra_float_digits = 3 SET bytea_output = 'hex' SET array_nulls = on SET quote_all_identifiers = off AS $$
BEGIN
  RETURN (
    SELECT (a.attmissingval::text::text[])[1]
    FROM (SELECT relation AS oid UNION SELECT t.relid FROM pg_partition_tree(relation) t) AS member
      JOIN pg_attribute a ON a.attrelid = member.oid AND a.attname = column_name
    WHERE a.atthasmissing LIMIT 1);
END $$;

-- A table's catalog entry. One JSON shape for the first look and for every change after it.
-- Defaults of added columns come as text, and whoever adds them may print dates in a way of their own.
CREATE OR REPLACE FUNCTION _echodb.table_snapshot(relation oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET timezone = 'UTC'
  SET bytea_output = 'hex' SET extra_float_digits = 3 AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object(
      'oid', c.oid::bigint, 'schema', n.nspname, 'name', c.relname, 'relkind', c.relkind,
      'replica_identity', c.relreplident, 'relfilenode', c.relfilenode::bigint,
      'partition_root', CASE WHEN c.relispartition THEN coalesce(pg_partition_root(c.oid)::oid::bigint, 0) ELSE 0 END,
      'columns', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'attnum', a.attnum, 'name', a.attname, 'type', _echodb.type_snapshot(a.atttypid, a.atttypmod),
            'not_null', a.attnotnull AND NOT EXISTS (
              -- Declared so, but rows from before that may still hold NULL: NOT VALID, since PostgreSQL 18.
              SELECT FROM pg_constraint n WHERE n.conrelid = c.oid AND n.contype = 'n' AND n.conkey[1] = a.attnum
                AND NOT n.convalidated),
            'generated', a.attgenerated <> '',
            'virtual_expression', CASE WHEN a.attgenerated = 'v' THEN (
              SELECT md5(d.adbin::text) FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum) ELSE '' END,
            'missing_value', CASE WHEN a.atthasmissing OR c.relkind = 'p' THEN
              _echodb.missing_value(c.oid, a.attname) END) ORDER BY a.attnum), '[]')
        -- A transaction with a snapshot of its own that changes a row which another one has changed since sees that row
        -- twice, as it was and as it is; what is replaced has an xmax.
        FROM (SELECT DISTINCT ON (attnum) * FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0
              ORDER BY attnum, xmax::text <> '0') a WHERE NOT a.attisdropped),
      'primary_key', (
        SELECT coalesce(jsonb_agg(k.attnum ORDER BY k.place), '[]')
        FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        WHERE i.indexrelid = _echodb.key_index(c.oid) AND k.place <= i.indnkeyatts),
      'identity_index', (
        SELECT coalesce(jsonb_agg(k.attnum ORDER BY k.place), '[]')
        FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
        WHERE i.indrelid = c.oid AND i.indisreplident AND c.relreplident = 'i' AND k.place <= i.indnkeyatts))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
    ORDER BY c.xmax::text <> '0' LIMIT 1);
END $$;
