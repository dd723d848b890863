-- Views without tables that exist to be locked: LOCK TABLE needs a privilege on them and USAGE on the schema, an advisory
-- lock is anybody's who can log in. No vacuum ever waits for a view. One that is there is left as it is: replacing it
-- would wait for the worker that leads. Safe to run again, before everything else of EchoDB is there.
DO $$
DECLARE
  lock_view text;
BEGIN
  PERFORM set_config('_echodb.own_ddl', 'on', true);
  IF to_regnamespace('_echodb') IS NULL THEN
    CREATE SCHEMA _echodb;
  END IF;
  FOREACH lock_view IN ARRAY ARRAY['leadership', 'setup_turn'] LOOP
    IF to_regclass('_echodb.' || lock_view) IS NULL THEN
      EXECUTE format('CREATE VIEW _echodb.%I AS SELECT true AS to_be_locked', lock_view);
      EXECUTE format('REVOKE ALL ON _echodb.%I FROM PUBLIC', lock_view);
    END IF;
  END LOOP;
END $$;
