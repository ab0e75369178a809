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

    /// Notes the name of a secret before it is stored, where no record names it yet: what stops in between leaves one that
    /// can be found and deleted.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn note_secret(&self, name: &str) -> Result<(), LedgerError> {
        let key = format!("{NOTED}{name}");
        self.transaction(Durability::Full, move |transaction, _| write(transaction, &key, "")).await
    }

    /// A record names it now, or it is gone.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forget_secret(&self, name: &str) -> Result<(), LedgerError> {
        let key = format!("{NOTED}{name}");
        self.transaction(Durability::Normal, move |transaction, _| remove(transaction, &key)).await
    }

    /// The names that were noted and not forgotten.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn noted_secrets(&self) -> Result<Vec<String>, LedgerError> {
        let connection = self.inner.connection(Durability::Normal);
        let mut statement = connection
            .prepare_cached("SELECT substr(key, length(?1) + 1) FROM meta WHERE substr(key, 1, length(?1)) = ?1")?;
        let names = statement.query_map([NOTED], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

/// Before the name of a secret that was noted.
const NOTED: &str = "secret ";

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
