-- What costs the source something, or will one day, in one row.
SELECT coalesce((SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::bigint FROM pg_stat_activity
                  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()), 0),
       (SELECT count(*) FROM pg_prepared_xacts WHERE prepared < now() - interval '5 minutes'),
       (SELECT coalesce(min(gid), '') FROM pg_prepared_xacts WHERE prepared < now() - interval '5 minutes'),
       coalesce((SELECT max(age(datfrozenxid)) FROM pg_database), 0),
       extract(epoch FROM clock_timestamp())::numeric(20, 3),
       (SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint * 1048576 END FROM pg_settings
         WHERE name = 'max_slot_wal_keep_size'),
       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'),
       coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'transaction_timeout'), 0),
       coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'idle_session_timeout'), 0),
       getdatabaseencoding(),
       current_user
