//! What has an effect and looks like a read: functions, locks, files, commands.

use super::{DIALECTS, is_no_read, refused};
use crate::sql::{Dialect, Misunderstood};

#[test]
fn t063_t067_t080_what_writes_elsewhere_is_no_read() {
    for text in [
        "SELECT * INTO evil FROM t",
        "SELECT * INTO TEMP evil FROM t",
        "CREATE TABLE evil AS SELECT * FROM t",
        "COPY t TO PROGRAM 'sh'",
        "COPY t TO '/tmp/x'",
        "COPY t FROM '/etc/passwd'",
        "COPY (SELECT 1) TO STDOUT",
        "SELECT * FROM t INTO OUTFILE '/tmp/x'",
        "SELECT 1 INTO @x",
        "SELECT @x := 1",
        "SELECT * FROM t INTO DUMPFILE '/tmp/x'",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
        "HANDLER t OPEN",
        "SET GLOBAL general_log = 1",
        "SELECT * FROM t PROCEDURE ANALYSE()",
        "SELECT NEXT VALUE FOR s",
    ] {
        DIALECTS.iter().for_each(|dialect| is_no_read(*dialect, text));
    }
    for text in ["SELECT 1 /*!50000 , sleep(1) */", "/*! DROP TABLE t */", "SELECT 1 /*M! + 1 */"] {
        DIALECTS.iter().for_each(|dialect| {
            assert!(matches!(refused(*dialect, text), Misunderstood::Ambiguous(_)), "{text}");
        });
    }
    is_no_read(Dialect::Mysql, "SELECT /*+ SET_VAR(sql_mode = '') */ 1");
}

#[test]
fn t065_only_functions_of_the_list_are_reads() {
    for call in [
        "pg_terminate_backend(1)",
        "pg_cancel_backend(1)",
        "pg_read_file('/etc/passwd')",
        "lo_import('/etc/passwd')",
        "lo_export(1, '/tmp/x')",
        "lo_unlink(1)",
        "pg_ls_dir('/')",
        "dblink('', 'delete from t')",
        "pg_reload_conf()",
        "pg_notify('a', 'b')",
        "pg_advisory_lock(1)",
        "pg_try_advisory_lock(1)",
        "set_config('a.b', 'c', false)",
        "nextval('s')",
        "setval('s', 1)",
        "pg_sleep(1)",
        "pg_switch_wal()",
        "pg_create_restore_point('x')",
        "txid_current()",
        "setseed(0.1)",
        "query_to_xml('delete from t', true, true, '')",
        "ts_stat('select 1')",
        "LOAD_FILE('/etc/passwd')",
        "SLEEP(1)",
        "BENCHMARK(1, 1)",
        "GET_LOCK('a', 1)",
        "last_insert_id(5)",
        "load_extension('x')",
        "writefile('x', 'y')",
        "randomblob(1)",
        "my_function(1)",
        "public.lower('x')",
        "lower.lower('x')",
        "\"Lower\"('x')",
        "generate_series(1, 1000000000)",
        "generate_series(1, a)",
        "repeat('a', 1000000000)",
    ] {
        for shape in [
            "SELECT #",
            "SELECT * FROM t WHERE # IS NULL",
            "SELECT 1 ORDER BY #",
            "SELECT count(*) FILTER (WHERE # = 1) FROM t",
        ] {
            DIALECTS.iter().for_each(|dialect| {
                // SQLite's `lower` has no case
                if *dialect == Dialect::Postgres || !call.contains("Lower") {
                    is_no_read(*dialect, &shape.replace('#', call));
                }
            });
        }
    }
    let nested =
        ["SELECT lower((SELECT # FROM t))", "SELECT sum(1) OVER (ORDER BY #)", "VALUES (#)", "SELECT 1 LIMIT #"];
    for shape in nested {
        is_no_read(Dialect::Postgres, &shape.replace('#', "nextval('s')"));
    }
    is_no_read(Dialect::Postgres, "SELECT * FROM dblink('', '') AS t(a int)");
    is_no_read(Dialect::Postgres, "SELECT * FROM ROWS FROM (pg_ls_dir('/'))");
    is_no_read(Dialect::Postgres, "SELECT 1 OPERATOR(public.+) 2");
    is_no_read(Dialect::Postgres, "SELECT 'x'::public.evil");
    is_no_read(Dialect::Postgres, "SELECT CAST('x' AS evil)");
    is_no_read(Dialect::Postgres, "SELECT evil 'x'");
    is_no_read(Dialect::Postgres, "SELECT (t).evil FROM t");
    is_no_read(Dialect::Postgres, "SELECT * FROM t ORDER BY a USING OPERATOR(public.<)");
    is_no_read(Dialect::Postgres, "SELECT * FROM pg_authid");
    is_no_read(Dialect::Mysql, "SELECT * FROM mysql.user");
}

#[test]
fn t068_t069_t079_commands_are_no_reads() {
    for text in [
        "DO $$ BEGIN DELETE FROM t; END $$",
        "CALL p()",
        "PREPARE x AS DELETE FROM t",
        "EXECUTE x",
        "DECLARE c CURSOR FOR SELECT 1",
        "FETCH ALL FROM c",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
        "LOCK TABLE t",
        "LISTEN x",
        "NOTIFY x",
        "UNLISTEN x",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "ANALYZE t",
        "REINDEX TABLE t",
        "CLUSTER t",
        "CHECKPOINT",
        "LOAD 'x'",
        "DISCARD ALL",
        "DEALLOCATE ALL",
        "SECURITY LABEL ON TABLE t IS 'x'",
        "COMMENT ON TABLE t IS 'x'",
        "REFRESH MATERIALIZED VIEW v",
        "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z",
        "SET TRANSACTION READ WRITE",
        "SET default_transaction_read_only = off",
        "SET ROLE admin",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION admin",
        "SET search_path = evil",
        "BEGIN",
        "BEGIN READ WRITE",
        "START TRANSACTION READ WRITE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT x",
        "RELEASE x",
        "SELECT 1 FOR UPDATE",
        "SELECT * FROM t FOR SHARE",
        "SELECT * FROM t FOR NO KEY UPDATE",
        "SELECT * FROM t LOCK IN SHARE MODE",
        "ATTACH '/tmp/x' AS y",
        "DETACH y",
        "PRAGMA query_only = 0",
        "PRAGMA query_only(0)",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = delete",
        "PRAGMA journal_mode",
        "PRAGMA wal_checkpoint",
        "PRAGMA user_version = 5",
        "KILL 1",
        "FLUSH PRIVILEGES",
        "USE mysql",
        "SHUTDOWN",
        "INSTALL PLUGIN x SONAME 'y'",
        "CREATE EXTENSION dblink",
    ] {
        DIALECTS.iter().for_each(|dialect| is_no_read(*dialect, text));
    }
    is_no_read(Dialect::Sqlite, "SELECT * FROM pragma_wal_checkpoint");
}
