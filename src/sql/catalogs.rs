//! What a server tells of itself: its own tables that hold secrets, and the pragmas that only tell.

use super::Dialect;

/// Tables of the server itself that hold passwords and the like.
pub(super) fn is_sensitive(dialect: Dialect, full: &str, bare: &str) -> bool {
    match dialect {
        Dialect::Postgres => {
            ["pg_authid", "pg_shadow", "pg_user_mapping", "pg_user_mappings", "pg_largeobject", "pg_subscription"]
                .contains(&bare)
        }
        Dialect::Mysql => full.starts_with("mysql."),
        // `pragma_…` is a pragma in the form of a table
        Dialect::Sqlite => bare.starts_with("pragma_") || bare == "sqlite_dbpage",
    }
}

/// Pragmas that only tell, and whether they are told a name of which.
pub(super) const PRAGMAS: [(&str, bool); 16] = [
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
