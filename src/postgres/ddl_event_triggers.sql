-- The event triggers themselves. A role that may not create them is not refused: catalog_poll.sql is what it gets then.

DROP EVENT TRIGGER IF EXISTS peerdb_auto_mirror_trigger;
CREATE EVENT TRIGGER peerdb_auto_mirror_trigger ON ddl_command_end EXECUTE FUNCTION _echodb.on_ddl_command_end();
DROP EVENT TRIGGER IF EXISTS peerdb_auto_mirror_drop_trigger;
CREATE EVENT TRIGGER peerdb_auto_mirror_drop_trigger ON sql_drop EXECUTE FUNCTION _echodb.on_sql_drop();
DROP EVENT TRIGGER IF EXISTS peerdb_auto_mirror_rewrite_trigger;
CREATE EVENT TRIGGER peerdb_auto_mirror_rewrite_trigger ON table_rewrite EXECUTE FUNCTION _echodb.on_table_rewrite();

-- The triggers see to every table, also in sessions that set session_replication_role.
ALTER EVENT TRIGGER peerdb_auto_mirror_trigger ENABLE ALWAYS;
ALTER EVENT TRIGGER peerdb_auto_mirror_drop_trigger ENABLE ALWAYS;
ALTER EVENT TRIGGER peerdb_auto_mirror_rewrite_trigger ENABLE ALWAYS;

DROP EVENT TRIGGER IF EXISTS echodb_before_alter_table;
CREATE EVENT TRIGGER echodb_before_alter_table ON ddl_command_start WHEN TAG IN ('ALTER TABLE')
  EXECUTE FUNCTION _echodb.on_ddl_command_start();
ALTER EVENT TRIGGER echodb_before_alter_table ENABLE ALWAYS;
