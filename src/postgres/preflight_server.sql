-- What the server and the role are able to do, in one row. Roles that managed services grant instead of superuser are
-- looked up by name: where they do not exist, nobody is a member.
SELECT current_setting('wal_level'),
       current_user,
       role.rolsuper,
       role.rolsuper OR role.rolreplication OR has.replication,
       role.rolsuper OR has.event_triggers
         OR (SELECT count(*) = 2 FROM pg_event_trigger
              WHERE evtname IN ('peerdb_auto_mirror_trigger', 'peerdb_auto_mirror_drop_trigger')),
       has_database_privilege(current_database(), 'CREATE'),
       current_database(),
       pg_is_in_recovery(),
       current_setting('max_replication_slots')::bigint,
       (SELECT count(*) FROM pg_replication_slots),
       EXISTS (SELECT FROM pg_replication_slots
                WHERE database = current_database() AND plugin = 'pgoutput' AND slot_name LIKE 'echodb%'),
       current_setting('max_wal_senders')::bigint,
       (SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'walsender' AND application_name IS DISTINCT FROM 'echodb')
  FROM pg_roles AS role,
       (SELECT coalesce(bool_or(rolname = 'rds_replication'), false) AS replication,
               coalesce(bool_or(rolname <> 'rds_replication'), false) AS event_triggers
          FROM pg_roles
         WHERE rolname IN ('rds_replication', 'rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser',
                           'azure_pg_admin', 'neon_superuser')
           AND pg_has_role(current_user, oid, 'MEMBER')) AS has
 WHERE role.rolname = current_user
