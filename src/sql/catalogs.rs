//! What a server tells of itself: its own tables that a read may not look at, and the pragmas that only tell.

use super::Dialect;

/// Why a table of the server itself is no read, although it is one.
pub(super) fn why_closed(dialect: Dialect, full: &str, bare: &str) -> Option<&'static str> {
    match dialect {
        Dialect::Postgres => postgres(full, bare),
        Dialect::Mysql => mysql(full, bare),
        // `pragma_…` is a pragma in the form of a table
        Dialect::Sqlite => (bare.starts_with("pragma_") || bare == "sqlite_dbpage").then_some(SECRETS),
    }
}

const SECRETS: &str = "holds secrets of the server";
/// A policy denies a table by its name; these have what is in it under theirs.
const VALUES: &str = "holds values of other tables";
const OTHERS: &str = "holds the statements of others";

fn postgres(full: &str, bare: &str) -> Option<&'static str> {
    match bare {
        "pg_authid"
        | "pg_shadow"
        | "pg_user_mapping"
        | "pg_user_mappings"
        | "_pg_user_mappings"
        | "user_mapping_options"
        | "pg_subscription"
        | "pg_hba_file_rules"
        | "pg_file_settings"
        | "pg_ident_file_mappings" => Some(SECRETS),
        "pg_largeobject"
        | "pg_statistic"
        | "pg_statistic_ext_data"
        | "pg_stats"
        | "pg_stats_ext"
        | "pg_stats_ext_exprs" => Some(VALUES),
        "pg_stat_activity" | "pg_stat_statements" => Some(OTHERS),
        // long values of a table are stored beside it
        _ => full.starts_with("pg_toast").then_some(VALUES),
    }
}

fn mysql(full: &str, bare: &str) -> Option<&'static str> {
    // a database of the user's own may have a table of any of these names
    let Some((schema, _)) = full.split_once('.') else {
        return is_reset(bare).then_some(RESET);
    };
    match schema {
        "mysql" => Some(SECRETS),
        "information_schema" => match bare {
            "processlist" | "innodb_trx" => Some(OTHERS),
            "column_statistics" | "innodb_locks" => Some(VALUES),
            // the words of a table's texts
            _ if bare.starts_with("innodb_ft_index") => Some(VALUES),
            _ => is_reset(bare).then_some(RESET),
        },
        "performance_schema" => match bare {
            "threads" | "processlist" | "prepared_statements_instances" => Some(OTHERS),
            "user_variables_by_thread" | "data_locks" => Some(VALUES),
            _ => bare.starts_with("events_statements").then_some(OTHERS),
        },
        "sys" => {
            let others = ["processlist", "session", "statement", "lock_waits"];
            others.iter().any(|word| bare.contains(word)).then_some(OTHERS)
        }
        _ => None,
    }
}

const RESET: &str = "sets counters back when it is read";

/// `INNODB_CMP_RESET`, `INNODB_CMPMEM_RESET`, `INNODB_CMP_PER_INDEX_RESET`
fn is_reset(bare: &str) -> bool {
    bare.starts_with("innodb_cmp") && bare.ends_with("_reset")
}

/// Does a pragma only tell? Told `about` a name, or nothing.
pub fn only_tells(pragma: &str, about: bool) -> bool {
    PRAGMAS.iter().any(|(known, of)| known.eq_ignore_ascii_case(pragma) && *of == about)
}

/// Pragmas that only tell, and whether they are told a name of which.
const PRAGMAS: [(&str, bool); 16] = [
    ("collation_list", false),
    ("compile_options", false),
    ("database_list", false),
    ("encoding", false),
    ("foreign_key_list", true),
    ("freelist_count", false),
    ("function_list", false),
    ("index_info", true),
    ("index_list", true),
    ("index_xinfo", true),
    ("module_list", false),
    ("page_count", false),
    ("page_size", false),
    ("table_info", true),
    ("table_list", false),
    ("table_xinfo", true),
];
