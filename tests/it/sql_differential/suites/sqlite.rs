//! SQLite's `test/*.test`, with the SQLite that is compiled in. Each script has a file of its own.

use agentport::sql::Dialect;

use super::{Ran, change_nothing, is_left_out, is_read, read, scripts, scripts_in, suite, tell};
use crate::sql_differential::{Server as _, sqlite::Embedded};

/// Those about queries and values, and some about what a query may change.
const SCRIPTS: [&str; 52] = [
    "aggnested",
    "between",
    "cast",
    "coalesce",
    "distinct",
    "e_expr",
    "e_select",
    "exists",
    "expr",
    "filter1",
    "func",
    "func2",
    "hexlit",
    "in",
    "instr",
    "join",
    "join2",
    "json101",
    "keyword1",
    "lastinsert",
    "like",
    "limit",
    "minmax",
    "misc1",
    "null",
    "orderby1",
    "pragma2",
    "printf2",
    "quote",
    "returning1",
    "rowid",
    "rowvalue",
    "select1",
    "select2",
    "select3",
    "select4",
    "select5",
    "select6",
    "select7",
    "select8",
    "select9",
    "subquery",
    "subselect",
    "tabfunc01",
    "tokenize",
    "types",
    "upsert1",
    "view",
    "where",
    "window1",
    "with1",
    "with2",
];

#[test]
fn what_sqlites_own_suite_reads_changes_nothing() {
    let Some(folder) = suite("what_sqlites_own_suite_reads", "sqlite") else { return };
    let mut ran = Ran::default();
    let mut all = 0;
    for script in scripts_in(&folder, &SCRIPTS, "test") {
        let mut server = Embedded::empty();
        // a look costs little, so what is dropped may be: the reads run where they stand
        let mut reads: Vec<String> = Vec::new();
        for statement in scripts::of_tcl(&read(&script)) {
            if is_read(Dialect::Sqlite, &statement) {
                reads.push(statement);
            } else if !is_left_out(&statement) {
                change_nothing(&mut server, &reads, &mut ran);
                all += reads.len();
                reads.clear();
                server.run(&statement).ok();
            }
        }
        change_nothing(&mut server, &reads, &mut ran);
        all += reads.len();
    }
    tell(&format!("SQLite's own suite: {} of {all} reads ran", ran.well.len()));
    assert!(ran.well.len() >= 1_500, "{} reads are few", ran.well.len());
}
