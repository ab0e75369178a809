//! Tables of the server itself: most tell what there is, some have what a read may not see, and three change.

use super::{is_no_read, understood};
use crate::sql::Dialect::{Mysql, Postgres};

#[test]
fn a_table_that_is_changed_by_looking_at_it_is_no_read() {
    for name in ["INNODB_CMP_RESET", "INNODB_CMPMEM_RESET", "INNODB_CMP_PER_INDEX_RESET"] {
        is_no_read(Mysql, &format!("SELECT * FROM information_schema.{name}"));
        is_no_read(Mysql, &format!("SELECT * FROM `Information_Schema`.`{name}`"));
        is_no_read(Mysql, &format!("SELECT * FROM {name}"));
    }
    let why = understood(Mysql, "SELECT * FROM information_schema.INNODB_CMP_RESET").why_not_read().map(str::to_owned);
    assert_eq!(why.as_deref(), Some("`information_schema.innodb_cmp_reset` sets counters back when it is read"));
    assert!(understood(Mysql, "SELECT * FROM information_schema.INNODB_CMP").is_read());
}

#[test]
fn values_statements_and_files_behind_another_name_are_no_reads() {
    for table in [
        "pg_stats",
        "pg_catalog.pg_statistic",
        "pg_stats_ext",
        "pg_stats_ext_exprs",
        "pg_statistic_ext_data",
        "pg_hba_file_rules",
        "pg_file_settings",
        "pg_ident_file_mappings",
        "information_schema.user_mapping_options",
        "information_schema._pg_user_mappings",
        "pg_toast.pg_toast_16384",
        "pg_stat_activity",
        "pg_stat_statements",
        "public.pg_stat_statements",
        "\"pg_stats\"",
    ] {
        is_no_read(Postgres, &format!("SELECT * FROM {table}"));
        is_no_read(Postgres, &format!("SELECT (SELECT count(*) FROM {table}) FROM t"));
    }
    for table in [
        "information_schema.PROCESSLIST",
        "information_schema.innodb_trx",
        "information_schema.column_statistics",
        "information_schema.INNODB_FT_INDEX_TABLE",
        "performance_schema.threads",
        "performance_schema.events_statements_history",
        "performance_schema.events_statements_summary_by_digest",
        "performance_schema.prepared_statements_instances",
        "performance_schema.user_variables_by_thread",
        "performance_schema.data_locks",
        "sys.processlist",
        "sys.`x$session`",
        "sys.statement_analysis",
        "sys.statements_with_full_table_scans",
        "sys.innodb_lock_waits",
        "mysql.user",
    ] {
        is_no_read(Mysql, &format!("SELECT * FROM {table}"));
    }
}

#[test]
fn what_a_server_tells_of_itself_stays_a_read() {
    for table in [
        "pg_class",
        "pg_stat_user_tables",
        "pg_statio_user_indexes",
        "pg_statistic_ext",
        "pg_stat_database",
        "pg_locks",
        "pg_indexes",
        "pg_settings",
        "information_schema.columns",
    ] {
        assert_eq!(understood(Postgres, &format!("SELECT * FROM {table}")).why_not_read(), None, "{table}");
    }
    for table in [
        "information_schema.tables",
        "information_schema.innodb_sys_tables",
        "performance_schema.table_io_waits_summary_by_table",
        "sys.schema_unused_indexes",
        // the user's own
        "threads",
        "session",
        "shop.processlist",
        "statements",
    ] {
        assert_eq!(understood(Mysql, &format!("SELECT * FROM {table}")).why_not_read(), None, "{table}");
    }
}
