//! Opening the file: safe modes, and nothing in it that runs by itself.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::{LedgerError, fresh_id, meta};

/// How long a transaction waits for another process's. Longer than any of ours takes; then the call is refused.
pub(super) const BUSY: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) fn connection(path: &Path, synchronous: &str) -> Result<Connection, LedgerError> {
    if !crate::files::check_private(path)? {
        // somebody else may have made it in this moment, which is as good
        drop(crate::files::create_private(path)?);
    }
    let connection = plain(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    write_ahead(&connection)?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY; PRAGMA fullfsync = ON;"
    ))?;
    Ok(connection)
}

/// A connection of its own for what takes long and changes nothing.
pub(super) fn reader(path: &Path) -> Result<Connection, LedgerError> {
    plain(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// One in which nothing runs by itself.
fn plain(path: &Path, mode: OpenFlags) -> Result<Connection, LedgerError> {
    let flags =
        mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(connection)
}

/// Turns write-ahead logging on. Of two processes that do so first in the same moment SQLite sends one away at once, without
/// waiting as it does elsewhere: it could be a deadlock. It is none here, so that it is tried again.
fn write_ahead(connection: &Connection) -> Result<(), LedgerError> {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
    let begun = std::time::Instant::now();
    loop {
        // an answer of PRAGMA journal_mode is a row
        let result = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match result {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) && begun.elapsed() < BUSY =>
            {
                std::thread::sleep(PAUSE);
            }
            other => return Ok(other.map(drop)?),
        }
    }
}

/// The home's id, made once.
pub(super) fn home_id(connection: &Connection) -> Result<String, LedgerError> {
    if let Some(id) = meta::read(connection, "home_id")? {
        return Ok(id);
    }
    let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('home_id', ?)", params![fresh_id("home")?])?;
    transaction.commit()?;
    meta::read(connection, "home_id")?.ok_or_else(|| LedgerError::Corrupt("it has no home id".to_owned()))
}
