//! The ledger on its way to another home: nobody writes while it is copied, and in the end the old file is no ledger any more.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Durability, LedgerError, Sqlite, open};

/// A schema that no version knows: who still has the old file open, and looks, is told to go.
const GONE: i32 = i32::MAX;

/// Nobody writes to the ledger while this lives; dropped, all is as it was.
#[derive(Debug)]
pub struct Still {
    writer: Connection,
    path: PathBuf,
}

impl Sqlite {
    /// Waits for what is being written, and holds back what would be next.
    ///
    /// # Errors
    /// Somebody writes for longer than anybody should.
    pub fn stand_still(&self) -> Result<Still, LedgerError> {
        let writer = open::connection(self.path(), "FULL")?;
        writer.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Still { writer, path: self.path().to_owned() })
    }

    /// Is there a record with this hash, in hexadecimal as [`super::super::Verified`] has it?
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn has_record(&self, hash: &str) -> Result<bool, LedgerError> {
        let connection = self.inner.connection(Durability::Normal);
        let found = connection.query_row("SELECT 1 FROM record WHERE hex(hash) = upper(?)", params![hash], |_| Ok(()));
        Ok(found.optional()?.is_some())
    }
}

impl Still {
    /// Writes the whole ledger, as it is now, into the empty file at `copy`.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn copy_to(&self, copy: &Path) -> Result<(), LedgerError> {
        // the writer is within its transaction; a reader beside it sees the same
        let reader = open::connection(&self.path, "FULL")?;
        reader.execute("VACUUM INTO ?", params![copy.to_string_lossy()])?;
        Ok(())
    }

    /// From now on the file is nobody's ledger.
    ///
    /// # Errors
    /// It cannot be written; then it still is one.
    pub fn give_up(self) -> Result<(), LedgerError> {
        self.writer.pragma_update(None, "user_version", GONE)?;
        self.writer.execute_batch("COMMIT")?;
        Ok(())
    }
}
