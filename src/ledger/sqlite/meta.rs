//! Facts of the home by name: a text each, and no part of the log.

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::{Durability, LedgerError, Sqlite};

impl Sqlite {
    /// A fact of the home that is no part of the log, such as where the site listens.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn meta(&self, key: &str) -> Result<Option<String>, LedgerError> {
        read(&self.inner.connection(Durability::Normal), key)
    }

    /// Sets such facts, all at once.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn set_meta(&self, facts: &[(&str, &str)]) -> Result<(), LedgerError> {
        self.inner.transaction(Durability::Normal, |transaction| {
            facts.iter().try_for_each(|(key, value)| write(transaction, key, value))
        })
    }
}

pub(in crate::ledger) fn read(connection: &Connection, key: &str) -> Result<Option<String>, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub(super) fn write(transaction: &Transaction<'_>, key: &str, value: &str) -> Result<(), LedgerError> {
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        [key, value],
    )?;
    Ok(())
}

pub(super) fn remove(transaction: &Transaction<'_>, key: &str) -> Result<(), LedgerError> {
    transaction.execute("DELETE FROM meta WHERE key = ?", [key])?;
    Ok(())
}
