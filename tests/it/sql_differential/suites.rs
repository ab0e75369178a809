//! The servers' own regression suites, where `tests/install-suites` has fetched them: what they set up is set up as far as it can be, by
//! a privileged user, and what the classifier takes for a read among their statements leaves everything as it was.
//!
//! The suites are no part of this repository. Their scripts are written for other readers than this one, so that a part of
//! their statements fails here; how many reads ran is asserted.

mod mariadb;
mod postgres;
mod scripts;
mod sqlite;

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentport::sql::Dialect;

use super::{Ran, Server, change_nothing, is_read, run_all, tell};
use crate::harness::{setting, skip};

/// What would end a session, or keep what is set up out of sight of the look at what is stored.
const LEFT_OUT: [&str; 28] = [
    "abort",
    "begin",
    "commit",
    "end",
    "kill",
    "lock",
    "prepare transaction",
    "purge",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "set global",
    "set password",
    "set role",
    "set session authorization",
    "shutdown",
    "start",
    "unlock",
    "xa",
    "checkpoint",
    "attach",
    "copy",
    "load data",
    "pragma journal_mode",
    "pragma locking_mode",
    "pragma writable_schema",
    "set autocommit",
];

/// Where the suite of a server is; says that the test is skipped where it is not.
fn suite(test: &str, server: &str) -> Option<PathBuf> {
    let folder = setting("AGENTPORT_TEST_SUITES").map(|suites| Path::new(&suites).join(server));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        skip(&format!("{test}: AGENTPORT_TEST_SUITES has no {server}; tests/install-suites fetches it"));
    }
    found
}

/// Scripts of a suite; another version of it may have fewer.
fn scripts_in(folder: &Path, names: &[&str], extension: &str) -> Vec<PathBuf> {
    let all = names.iter().map(|name| folder.join(format!("{name}.{extension}")));
    all.filter(|script| script.is_file()).collect()
}

/// A script, some of which have text of other character sets in them.
fn read(script: &Path) -> String {
    String::from_utf8_lossy(&fs::read(script).unwrap()).into_owned()
}

fn is_left_out(statement: &str) -> bool {
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let begins = |begin: &str| words.strip_prefix(begin).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    LEFT_OUT.iter().any(|begin| begins(begin))
        || words.contains("pg_terminate_backend")
        || words.contains("pg_cancel_backend")
        || (words.starts_with("vacuum") && words.contains(" into "))
        // PostgreSQL empties such a table after any statement, and counts that as a change
        || words.contains("on commit delete rows")
}

/// Sets up what it can of a script; its reads are what is left.
fn set_up(server: &mut impl Server, dialect: Dialect, statements: Vec<String>) -> Vec<String> {
    let (reads, others): (Vec<String>, Vec<String>) =
        statements.into_iter().partition(|statement| is_read(dialect, statement));
    // what is dropped at the end is what the reads are about
    let last_made = others.iter().rposition(|statement| begins(statement, "create")).unwrap_or(0);
    for (at, statement) in others.iter().enumerate() {
        let is_tidied_up = at > last_made && begins(statement, "drop");
        if !is_left_out(statement) && !is_tidied_up {
            // some fail, here as there
            server.run(statement).ok();
        }
    }
    reads
}

fn begins(statement: &str, word: &str) -> bool {
    statement.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}
