//! PostgreSQL's `src/test/regress`.

use agentport::sql::Dialect;

use super::{Ran, change_nothing, read, scripts, scripts_in, set_up, suite, tell};
use crate::sql_differential::postgres::Postgres;

/// Those about queries and values, and some about what a query may change.
const SCRIPTS: [&str; 43] = [
    "advisory_lock",
    "arrays",
    "boolean",
    "case",
    "date",
    "domain",
    "enum",
    "expressions",
    "float8",
    "guc",
    "inet",
    "int4",
    "int8",
    "interval",
    "json",
    "jsonpath",
    "largeobject",
    "limit",
    "line",
    "misc_functions",
    "numeric",
    "portals",
    "prepare",
    "rangefuncs",
    "returning",
    "select",
    "select_distinct",
    "select_having",
    "select_implicit",
    "select_into",
    "sequence",
    "strings",
    "subselect",
    "text",
    "timestamp",
    "tsrf",
    "txid",
    "union",
    "uuid",
    "varchar",
    "window",
    "with",
    "xid",
];

#[test]
fn what_postgresqls_own_suite_reads_changes_nothing() {
    let test = "what_postgresqls_own_suite_reads";
    let Some(folder) = suite(test, "postgresql") else { return };
    let Some(mut server) = Postgres::start(test) else { return };
    server.database.run("DROP TABLE orders, customers, docs CASCADE; ALTER DATABASE shop SET statement_timeout = '3s'");
    server.database.script(&folder.join("sql/test_setup.sql"), &folder);
    server.reconnect();
    assert_eq!(server.database.run("SELECT count(*) FROM tenk1").trim(), "10000");
    let mut reads = Vec::new();
    for script in scripts_in(&folder.join("sql"), &SCRIPTS, "sql") {
        // what a script leaves behind in its session is another one's no longer, but for temporary tables
        server.settle();
        reads.extend(set_up(&mut server, Dialect::Postgres, scripts::of_psql(&read(&script))));
    }
    server.settle();
    let mut ran = Ran::default();
    for chunk in reads.chunks(1000) {
        change_nothing(&mut server, chunk, &mut ran);
    }
    tell(&format!("PostgreSQL's own suite: {} of {} reads ran", ran.well.len(), reads.len()));
    assert!(ran.well.len() >= 1_500, "{} reads are few", ran.well.len());
}
