-- EchoDB's own state. Everything durable lives here: with these rows, the slot and ClickHouse, any worker can go on
-- where another one stopped. Safe to run again. LSNs are of type pg_lsn.
--
-- ALTER TABLE and CREATE INDEX lock a table also when they have nothing to do (IF NOT EXISTS), and whoever waits for such a
-- lock has all others wait behind it, the application's triggers too. So the catalog of an up-to-date version is looked at
-- and left alone: pg_dump may have it locked for hours.

CREATE SCHEMA IF NOT EXISTS _echodb;

CREATE TABLE IF NOT EXISTS _echodb.streams (
  name text PRIMARY KEY,
  slot text NOT NULL,
  publication text NOT NULL,
  system_identifier text NOT NULL,
  consistent_lsn pg_lsn NOT NULL,
  applied_lsn pg_lsn NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- state: pending, copying, streaming, error, dropped; who may set each is written in catalog/table_state.h.
CREATE TABLE IF NOT EXISTS _echodb.tables (
  stream text NOT NULL REFERENCES _echodb.streams ON DELETE CASCADE,
  oid bigint NOT NULL,
  target_name text NOT NULL,
  state text NOT NULL,
  floor_lsn pg_lsn NOT NULL,        -- changes before it are already in what the target holds, or gone from it
  dropped_lsn pg_lsn,
  copy_snapshot text,               -- a table without a key: pg_current_snapshot() of its copy
  shadow boolean NOT NULL DEFAULT false,  -- rows go to the shadow table until it is exchanged
  rows_copied bigint NOT NULL DEFAULT 0,
  error text,
  error_lsn pg_lsn,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (stream, oid)
);

-- The schemas a table has had since the confirmed position, as _echodb.table_snapshot() writes them.
CREATE TABLE IF NOT EXISTS _echodb.table_versions (
  stream text NOT NULL,
  oid bigint NOT NULL,
  lsn pg_lsn NOT NULL,
  snapshot jsonb NOT NULL,
  PRIMARY KEY (stream, oid, lsn),
  FOREIGN KEY (stream, oid) REFERENCES _echodb.tables ON DELETE CASCADE
);

-- What the target of a table is known to be; no row: nothing is known since the last step that may have replaced or
-- emptied it.
CREATE TABLE IF NOT EXISTS _echodb.target_tables (
  stream text NOT NULL,
  oid bigint NOT NULL,
  uuid text NOT NULL,               -- ClickHouse's own; empty where it gives none
  bookmark_uuid text NOT NULL,      -- of the bookmark's table in the same database
  last_block bigint NOT NULL,       -- the highest number of an insert among its parts at that time; -1: it had none
  PRIMARY KEY (stream, oid),
  FOREIGN KEY (stream, oid) REFERENCES _echodb.tables ON DELETE CASCADE
);

-- What of a table has been copied. Blocks are heap blocks; an open end takes all that follow.
CREATE TABLE IF NOT EXISTS _echodb.copy_ranges (
  stream text NOT NULL,
  oid bigint NOT NULL,
  number integer NOT NULL,
  relation bigint NOT NULL,         -- the table itself or one of its partitions
  relfilenode bigint NOT NULL,
  first_block bigint NOT NULL,
  end_block bigint,
  done_at timestamptz,
  rows bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (stream, oid, number),
  FOREIGN KEY (stream, oid) REFERENCES _echodb.tables ON DELETE CASCADE
);

-- Who led when. A leader's writes to this schema count themselves in its row, and are refused once it is deposed: the
-- row's lock puts the two in order, so no write of an epoch ever follows its end.
CREATE TABLE IF NOT EXISTS _echodb.leaders (
  epoch bigint PRIMARY KEY,
  worker text NOT NULL,
  began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  writes bigint NOT NULL DEFAULT 0,
  last_write_at timestamptz,
  resigned_at timestamptz,          -- by itself, with everything it had sent acknowledged
  deposed_at timestamptz            -- by the next epoch, or by a setup that made the stream anew
);

CREATE TABLE IF NOT EXISTS _echodb.journal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  worker text NOT NULL,
  table_oid bigint,
  event text NOT NULL,
  detail text NOT NULL DEFAULT ''
);

-- What the checks of the tables found, the latest of each table. report is the answer of the checker's /verify.
CREATE TABLE IF NOT EXISTS _echodb.checks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  stream text NOT NULL REFERENCES _echodb.streams ON DELETE CASCADE,
  oid bigint NOT NULL,
  table_name text NOT NULL,
  mode text NOT NULL,
  result text NOT NULL,             -- equal, different, unknown
  lsn pg_lsn NOT NULL,
  rows_compared bigint NOT NULL,
  mismatched bigint NOT NULL,
  duration_ms bigint NOT NULL,
  report jsonb NOT NULL
);

-- What setup has made in this database, as it left it: control/installation.h. Whatever differs was changed by somebody.
CREATE TABLE IF NOT EXISTS _echodb.made (
  kind text NOT NULL,
  name text NOT NULL,
  id oid NOT NULL,
  row_made_by text NOT NULL,        -- xmin of its row in PostgreSQL's catalog
  content text NOT NULL,
  PRIMARY KEY (kind, name)
);

-- Columns that tables of an earlier version lack.
DO $$
DECLARE
  missing record;
BEGIN
  FOR missing IN
    SELECT w.* FROM (VALUES
      -- Why the slot has to be made again, with a copy of every table; NULL: it has not.
      ('streams', 'remake', 'text'),
      -- Why it was made again the last time, and when (created_at); NULL: it never was.
      ('streams', 'remade', 'text'),
      -- The target's own id, and the number of a bookmark that it has acknowledged: replication/bookmark.h.
      ('streams', 'target_id', 'text'),
      ('streams', 'target_number', 'bigint NOT NULL DEFAULT 0'),
      -- Its values come as text: a type of some has no send function, or a part of it has none.
      ('streams', 'as_text', 'boolean NOT NULL DEFAULT false'),
      -- With copy_snapshot: it sees nothing later.
      ('tables', 'copied_lsn', 'pg_lsn'),
      -- The names that the target may still have, until it has been renamed. An earlier version knew of one.
      ('tables', 'earlier_names', 'text[] NOT NULL DEFAULT ''{}'''),
      -- Columns that got a wider type, because a value had no counterpart. One of each for a column; a column without
      -- a width is text.
      ('tables', 'text_columns', 'smallint[] NOT NULL DEFAULT ''{}'''),
      ('tables', 'text_since', 'pg_lsn[] NOT NULL DEFAULT ''{}'''),
      ('tables', 'text_widths', 'text[] NOT NULL DEFAULT ''{}'''),
      -- Where the last transaction ended that changed a type of its columns, and so what rows show: those from before
      -- it that are committed later come as they showed before.
      ('tables', 'types_changed_lsn', 'pg_lsn'),
      -- Where its last copy was begun: of what was committed before, nothing in the log counts any more.
      ('tables', 'copy_begun_lsn', 'pg_lsn'),
      -- A TRUNCATE up to floor_lsn was begun, and may not have been done.
      ('tables', 'emptying', 'boolean NOT NULL DEFAULT false'),
      -- The ClickHouse type, without Nullable, that each column was given in the target, by attnum. It is kept for as
      -- long as the target lives. NULL: the schema is on record since before there was such a column, or nothing is
      -- chosen yet.
      ('table_versions', 'types', 'jsonb'),
      -- What brings the target to this schema, while it may not be there yet; NULL once it is.
      ('table_versions', 'pending', 'jsonb'),
      -- Which copy the range is one of: a number that no other copy has. Only that copy can finish it.
      ('copy_ranges', 'copy', 'bigint NOT NULL DEFAULT 0'),
      -- For workers of an earlier version, which take two epochs on one server to be put in order by the lock.
      ('leaders', 'server_started_at', 'timestamptz'),
      -- It is over: its worker has said so, or a later leader has seen to it that it cannot write any more.
      ('leaders', 'stopped_at', 'timestamptz'),
      -- A random word of the worker's process: two workers may have one name.
      ('leaders', 'holder', 'text'),
      ('leaders', 'process', 'text'),     -- where it runs: see base/process_identity.h
      ('leaders', 'lease_ms', 'bigint'),  -- it writes no longer after its last renewal
      ('leaders', 'sessions', 'text[]'),  -- that hold its lock in turn: pid, start
      ('leaders', 'direct', 'boolean')    -- nothing can close them in its place
    ) AS w(in_table, name, definition)
    WHERE NOT EXISTS (
      SELECT FROM pg_catalog.pg_attribute a
       WHERE a.attrelid = to_regclass('_echodb.' || w.in_table) AND a.attname = w.name AND NOT a.attisdropped)
  LOOP
    EXECUTE format('ALTER TABLE _echodb.%I ADD COLUMN %I %s', missing.in_table, missing.name, missing.definition);
  END LOOP;
END $$;

-- Everything else that locks tables which may be in use.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_attribute
              WHERE attrelid = '_echodb.tables'::regclass AND attname = 'renamed_from' AND NOT attisdropped) THEN
    UPDATE _echodb.tables SET earlier_names = ARRAY[renamed_from] WHERE renamed_from IS NOT NULL;
    ALTER TABLE _echodb.tables DROP COLUMN renamed_from;
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_attribute
              WHERE attrelid = '_echodb.leaders'::regclass AND attname = 'server_started_at' AND NOT atthasdef) THEN
    ALTER TABLE _echodb.leaders ALTER COLUMN server_started_at SET DEFAULT pg_postmaster_start_time();
  END IF;
  -- Epochs of an earlier version have ended long ago, but for those that an upgrade may meet.
  UPDATE _echodb.leaders SET stopped_at = clock_timestamp()
  WHERE holder IS NULL AND stopped_at IS NULL AND deposed_at < clock_timestamp() - interval '1 hour';
  IF to_regclass('_echodb.one_leader') IS NULL THEN
    CREATE UNIQUE INDEX one_leader ON _echodb.leaders ((true)) WHERE deposed_at IS NULL;
  END IF;
  IF to_regclass('_echodb.checks_by_table') IS NULL THEN
    CREATE INDEX checks_by_table ON _echodb.checks (stream, oid, id);
  END IF;
END $$;
