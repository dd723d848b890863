-- How the triggers speak to the stream: messages in the log that only they can write. Safe to run again.
--
-- pg_logical_emit_message is everybody's, with any prefix. So each message of ours begins with a code that proves where
-- it comes from: HMAC-SHA256, under a key that only the owner of this schema can read, of the transaction's id and the
-- message. The id keeps a message from counting in another transaction. replication/message_seal checks the code.

-- One row. The pads are the key as HMAC uses it (RFC 2104): xor 0x36 and xor 0x5c, 64 bytes each.
CREATE TABLE IF NOT EXISTS _echodb.message_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  key bytea NOT NULL,
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL,
  unsealed_until pg_lsn  -- an earlier version's triggers wrote messages without a code: up to here they count
);

DO $$
DECLARE
  fresh bytea := decode(replace(concat(
    gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex');
  inner_pad bytea := decode(repeat('36', 64), 'hex');
  outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
  FOR place IN 0 .. length(fresh) - 1 LOOP
    inner_pad := set_byte(inner_pad, place, get_byte(fresh, place) # 54);
    outer_pad := set_byte(outer_pad, place, get_byte(fresh, place) # 92);
  END LOOP;
  INSERT INTO _echodb.message_key (key, inner_pad, outer_pad) VALUES (fresh, inner_pad, outer_pad)
    ON CONFLICT (only_row) DO NOTHING;
END $$;

-- The code of a content in this transaction, in hexadecimal digits. A session may have the plans of its statements shown,
-- with the values in them: not here.
CREATE OR REPLACE FUNCTION _echodb.seal(content text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET debug_print_plan = off SET debug_print_parse = off SET debug_print_rewritten = off AS $$
DECLARE
  key _echodb.message_key%ROWTYPE;
  text_sealed bytea := convert_to(concat(pg_current_xact_id()::xid, ' ', content), 'UTF8');
BEGIN
  SELECT * INTO STRICT key FROM _echodb.message_key;
  RETURN encode(sha256(key.outer_pad || sha256(key.inner_pad || text_sealed)), 'hex');
END $$;

-- Before PostgreSQL 14 the stream has no messages: there they are rows of a published table. A row is deleted as soon
-- as it is in the log, by its place, so that no two transactions ever meet in that table.
DO $$
BEGIN
  IF current_setting('server_version_num')::integer < 140000 THEN
    CREATE TABLE IF NOT EXISTS _echodb.messages (content text NOT NULL);
  END IF;
END $$;

-- Decoding orders the changes of a transaction and its subtransactions by position, and gives a message the position
-- where its record ends, which is where the next change's record starts. The padding behind it makes the two differ:
-- a row that follows the schema change never comes before it.
CREATE OR REPLACE FUNCTION _echodb.emit(message json) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET debug_print_plan = off SET debug_print_parse = off SET debug_print_rewritten = off AS $$
DECLARE
  sealed text := concat(_echodb.seal(message::text), ' ', message);
  place tid;
BEGIN
  IF current_setting('server_version_num')::integer < 140000 THEN
    INSERT INTO _echodb.messages VALUES (sealed) RETURNING ctid INTO place;
    DELETE FROM _echodb.messages WHERE ctid = place;
    RETURN;
  END IF;
  PERFORM pg_logical_emit_message(true, 'echodb', convert_to(sealed, 'UTF8'));
  PERFORM pg_logical_emit_message(true, 'echodb_padding', '');
END $$;

-- Commands of our own fire the event triggers too. They are told by a setting, which anybody may set, but only to a
-- value that nobody else can know: a code of this transaction.
CREATE OR REPLACE FUNCTION _echodb.is_own_ddl() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET debug_print_plan = off SET debug_print_parse = off SET debug_print_rewritten = off AS $$
DECLARE
  mark text := current_setting('_echodb.own_ddl', true);
BEGIN
  -- Whatever is no code cannot be ours, and nothing is read for it.
  IF mark IS NULL OR length(mark) <> 64 THEN RETURN false; END IF;
  BEGIN
    RETURN mark = _echodb.seal('own');
  EXCEPTION WHEN OTHERS THEN
    RAISE LOG 'echodb cannot tell whose command this is: %', SQLERRM;
    RETURN false;
  END;
END $$;

-- How many milliseconds a statement of this session may take; 0 for as many as it likes.
CREATE OR REPLACE FUNCTION _echodb.statement_milliseconds() RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN extract(epoch FROM current_setting('statement_timeout')::interval) * 1000;
END $$;

-- How many milliseconds we may wait for a lock: what is left of the statement's own time has to be enough for all of them.
CREATE OR REPLACE FUNCTION _echodb.patience() RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  allowed double precision := _echodb.statement_milliseconds();
  passed double precision := extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000;
BEGIN
  RETURN CASE WHEN allowed = 0 THEN 100 ELSE least(100, greatest(1, (allowed - passed) / 8)) END;
END $$;

-- From here on the triggers do not answer to what we do ourselves, until the transaction ends or this is taken back.
-- A session that waits for a lock makes others wait; and one that waits for ours must have it long before
-- deadlock_timeout, or the server may choose the application's command to end.
CREATE OR REPLACE FUNCTION _echodb.begin_own_ddl() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('lock_timeout', concat(_echodb.patience(), 'ms'), true), set_config('_echodb.own_ddl', _echodb.seal('own'), true);
END $$;

CREATE OR REPLACE FUNCTION _echodb.end_own_ddl(lock_timeout_before text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('_echodb.own_ddl', '', true), set_config('lock_timeout', lock_timeout_before, true);
END $$;

-- Runs one of our commands. Event triggers that belong to others stay silent: they are written for the application's
-- commands, and would run here with our rights and our search_path. Only the triggers that are ENABLE ALWAYS or REPLICA
-- fire in this role of a session; a server that does not let us take it fires them all. A session that takes another role
-- forgets all of its plans, so it does only where there is a trigger to keep silent.
CREATE OR REPLACE FUNCTION _echodb.run_quietly(command text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  role_before text := current_setting('session_replication_role');
BEGIN
  IF NOT _echodb.is_stale() AND NOT EXISTS (SELECT FROM pg_event_trigger e WHERE e.evtenabled = 'O') THEN
    EXECUTE command;
    RETURN;
  END IF;
  BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;
  END;
  EXECUTE command;
  IF current_setting('session_replication_role') <> role_before THEN
    PERFORM set_config('session_replication_role', role_before, true);
  END IF;
END $$;

-- The same on a relation, of whose name the command has a part before it and one behind. Only names can be altered: while
-- ours waits for the lock, another table may get this one's name.
CREATE OR REPLACE FUNCTION _echodb.run_quietly_on(relation oid, before text, behind text DEFAULT '') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name CONSTANT text := relation::regclass;
BEGIN
  PERFORM _echodb.run_quietly(before || name || behind);
  IF relation::regclass::text <> name THEN
    RAISE lock_not_available USING MESSAGE = concat(name, ' got another name meanwhile');
  END IF;
END $$;
