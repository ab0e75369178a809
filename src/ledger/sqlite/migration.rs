//! The schema, and how an older file comes to it: a copy of it is kept beside it first, and a process of an older
//! version that still runs notices.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::LedgerError;
use crate::files;

const SCHEMA: [&str; 7] = [
    include_str!("../schema/0001.sql"),
    include_str!("../schema/0002_notice.sql"),
    include_str!("../schema/0003_people.sql"),
    include_str!("../schema/0004_limit.sql"),
    include_str!("../schema/0005_agents.sql"),
    include_str!("../schema/0006_agent_user.sql"),
    include_str!("../schema/0007_challenge_grant.sql"),
];

/// The schema that this program knows.
pub(super) fn newest() -> i64 {
    i64::try_from(SCHEMA.len()).unwrap_or(i64::MAX)
}

/// Brings the schema up to date in one transaction, so that two processes that start at once do it once; then compares
/// it with ours, table by table: a file that brings triggers, views or other columns is not our ledger.
pub(super) fn migrate(path: &Path, connection: &Connection) -> Result<(), LedgerError> {
    if version(connection)? < newest() {
        let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let from = version(&transaction)?;
        if (1..newest()).contains(&from) {
            // nobody writes while this transaction is open: the copy is what is about to change
            keep(path, &kept(path, from), |_| Ok(()))?;
        }
        for step in SCHEMA.iter().skip(usize::try_from(from).unwrap_or(0)) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", newest())?;
        transaction.commit()?;
    }
    let found = version(connection)?;
    if found > newest() {
        return Err(LedgerError::Newer(found));
    }
    check_tables(connection, SCHEMA.len())
}

/// Has a newer version changed the schema since this process opened the file? It goes on where we stop.
pub(super) fn check_version(connection: &Connection) -> Result<(), LedgerError> {
    let found = connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    if found == newest() { Ok(()) } else { Err(LedgerError::Updated(found)) }
}

/// Where the copy is that was kept when the schema `version` was left: `agentport.db.schema-5`.
pub(super) fn kept(path: &Path, version: i64) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(format!(".schema-{version}"));
    PathBuf::from(name)
}

/// A copy of the whole file as it was last committed, with what is put into it, readable by nobody else; `to` has all of it,
/// or what it had.
pub(super) fn keep(
    path: &Path,
    to: &Path,
    put: impl FnOnce(&Connection) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(super::open::BUSY)?;
    files::make_private(to, |fresh| {
        reader.execute("VACUUM INTO ?", [files::name_of(fresh)?])?;
        // in memory, so that nothing lies beside it meanwhile
        let copy =
            Connection::open_with_flags(fresh, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW)?;
        copy.pragma_update(None, "journal_mode", "MEMORY")?;
        put(&copy)
    })
}

/// Are its tables those of its version, and is that one that we know?
pub(super) fn check(connection: &Connection) -> Result<(), LedgerError> {
    let found = version(connection)?;
    match usize::try_from(found) {
        Ok(steps) if steps > SCHEMA.len() => Err(LedgerError::Newer(found)),
        Ok(steps) => check_tables(connection, steps),
        Err(_) => Err(LedgerError::Corrupt(format!("its schema is {found}"))),
    }
}

fn version(connection: &Connection) -> Result<i64, LedgerError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Are its tables those that the first `steps` of the schema make?
fn check_tables(connection: &Connection, steps: usize) -> Result<(), LedgerError> {
    let ours = Connection::open_in_memory()?;
    for step in SCHEMA.iter().take(steps) {
        ours.execute_batch(step)?;
    }
    if fingerprint(connection)? == fingerprint(&ours)? {
        return Ok(());
    }
    Err(LedgerError::Corrupt("its tables are not the ones that agentport makes".to_owned()))
}

fn fingerprint(connection: &Connection) -> Result<Vec<(String, String, Option<String>)>, LedgerError> {
    let mut statement = connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What makes an empty ledger of an older version.
    pub(in super::super) fn steps(version: i64) -> String {
        let steps = SCHEMA.iter().take(usize::try_from(version).unwrap()).copied().collect::<String>();
        format!("{steps} PRAGMA user_version = {version};")
    }
}
