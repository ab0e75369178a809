//! SQLite as a stage of the conformance stories, and what only a file can do wrong.

mod codes;
mod faults;
mod holder;
mod hostile;
mod keeping;
mod many;
mod migration;
mod moving;
mod notices;
mod people;

use std::path::PathBuf;

use async_trait::async_trait;
use tempfile::TempDir;

use super::{
    super::conformance::{self, Stage, at},
    *,
};
use crate::approval::{FactorId, RecoveryHash};

pub(crate) use holder::Holder;

conformance::story!(Folder::two);

/// A home's folder with a database, and handles on it as processes have them.
pub(crate) struct Folder {
    pub(crate) ledgers: Vec<Sqlite>,
    pub(crate) folder: TempDir,
}

impl Folder {
    /// A fresh one with this many handles.
    pub(crate) fn with(handles: usize) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let mut this = Self { ledgers: Vec::new(), folder };
        for _ in 0..handles {
            this.ledgers.push(this.open().unwrap());
        }
        this
    }

    #[expect(clippy::unused_async, reason = "what makes a stage may have to wait")]
    async fn two() -> Self {
        Self::with(2)
    }

    /// One more handle, as one more process has it.
    pub(crate) fn open(&self) -> Result<Sqlite, LedgerError> {
        Sqlite::open(&self.path(), Runner::start(&self.folder.path().join("run"))?)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("agentport.db")
    }

    /// A connection that knows nothing of our rules, as the `sqlite3` shell has it.
    pub(crate) fn raw(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// A factor with recovery codes, without a stage.
    pub(crate) async fn enrolled(self) -> Self {
        self.enrol(conformance::factor(), conformance::recovery_hashes(0..60)).await;
        self
    }
}

#[async_trait]
impl Stage for Folder {
    fn handles(&self) -> Vec<Arc<dyn Ledger>> {
        self.ledgers.iter().map(|ledger| Arc::new(ledger.clone()) as Arc<dyn Ledger>).collect()
    }

    async fn enrol(&self, factor: FactorId, recovery: Vec<RecoveryHash>) {
        assert!(self.ledgers[0].enrol(factor, 0, recovery, None, at(0)).await.unwrap());
    }

    async fn check(&self) {
        for ledger in &self.ledgers {
            let verified = ledger.verify().await.unwrap();
            assert!(verified.is_ok(), "{verified:?}");
        }
    }

    async fn records(&self) -> u64 {
        self.ledgers[0].verify().await.unwrap().unwrap().records
    }
}
