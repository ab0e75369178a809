//! This process, as other processes of the home can see it: a locked file under `run/`, whose lock ends with it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::fresh_id;
use crate::{files::Lock, ledger::LedgerError};

/// A running process of the home. While it lives it holds a lock on `run/<id>`.
#[derive(Debug, Clone)]
pub struct Runner {
    id: String,
    folder: PathBuf,
    /// Held for as long as the process sends.
    lock: Arc<Lock>,
}

impl Runner {
    /// Locks a fresh file in `folder`, which must exist.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn start(folder: &Path) -> Result<Self, LedgerError> {
        let id = fresh_id("run")?;
        // locked before it has its name: others remove a file of that name which nobody holds
        let path = folder.join(fresh_id("start")?);
        let lock = Lock::try_exclusive(&path)?
            .ok_or_else(|| LedgerError::Corrupt(format!("somebody else holds the fresh file {}", path.display())))?;
        std::fs::rename(&path, folder.join(&id))
            .map_err(|error| LedgerError::Corrupt(format!("{} cannot be renamed: {error}", path.display())))?;
        Ok(Self { id, folder: folder.to_owned(), lock: Arc::new(lock) })
    }

    /// `run_…`
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Is the process of this id gone? Its file is removed where it is. One whose file cannot be looked at counts as
    /// living.
    pub(super) fn is_gone(&self, other: &str) -> bool {
        if other == self.id || !other.starts_with("run_") || other.contains(['/', '\\', '.']) {
            return false;
        }
        let path = self.folder.join(other);
        if !path.exists() {
            return true;
        }
        let Ok(Some(_lock)) = Lock::try_exclusive(&path) else { return false };
        // leftovers are only untidy
        drop(std::fs::remove_file(&path));
        true
    }

    /// Removes the files of processes that are gone.
    pub fn tidy(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            self.is_gone(&name);
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if Arc::strong_count(&self.lock) == 1 {
            drop(std::fs::remove_file(self.folder.join(&self.id)));
        }
    }
}
