//! An edited policy beside the one in force: what putting it in force would change, of exactly the bytes that a human is
//! shown, on the terminal and on the site.

use super::Parts;
use crate::{
    approval::Claim,
    canonical,
    diagnostic::Diagnostics,
    files,
    files::FileError,
    ledger::{LedgerError, sqlite::pin_digest},
    plan::Digest,
    policy::{self, Change, Known, Pinned, ToolChange},
    snapshot::Snapshot,
};

/// What applying `policy.toml` would change. The file and the tools are read once: what is shown is what is pinned, whatever
/// they say by then.
#[derive(Debug)]
pub struct Proposal {
    /// What is in force.
    pub before: Pinned,
    /// What would be.
    pub after: Pinned,
    /// By tool, what becomes looser first.
    pub changes: Vec<Change>,
    /// What became of the tools since.
    pub tools: Vec<ToolChange>,
    /// What root says below both.
    system: String,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// Nothing to put in force.
    #[error("there is no policy.toml in the home; the pinned policy is in force")]
    NoFile,
    /// Nothing is.
    #[error("no policy is in force; the set-up of this home was not finished")]
    NotSetUp,
    /// What is wrong with the file.
    #[error(transparent)]
    Problems(#[from] Diagnostics),
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Proposal {
    /// Of the home's file as it is now, which passes its own tests.
    ///
    /// # Errors
    /// Why there is none.
    pub fn read(parts: &Parts, snapshot: &Snapshot) -> Result<Self, ProposalError> {
        let text = files::read_guarded(&parts.snapshots.home().policy())?.ok_or(ProposalError::NoFile)?;
        let before = parts.home.pinned()?.ok_or(ProposalError::NotSetUp)?;
        let changes = policy::diff(&snapshot.catalog, &before, &text, &snapshot.system_policy)?;
        Ok(Self {
            changes,
            tools: before.tools.changes(&snapshot.catalog),
            before,
            after: Pinned { text, tools: Known::of(&snapshot.catalog) },
            system: snapshot.system_policy.text().unwrap_or_default().to_owned(),
        })
    }

    /// Is it what is in force?
    pub fn is_nothing(&self) -> bool {
        self.before.text == self.after.text && self.changes.is_empty() && self.tools.is_empty()
    }

    /// What a yes to it is a yes to.
    ///
    /// # Errors
    /// The tools cannot be written down.
    pub fn claim(&self) -> Result<Claim, LedgerError> {
        pin_digest(&self.after).map(Claim::Policy)
    }

    /// Names all that it is made of, both sides of the comparison: whoever has looked at another one has not seen this.
    ///
    /// # Errors
    /// The tools cannot be written down.
    pub fn digest(&self) -> Result<Digest, LedgerError> {
        let (before, after) = (pin_digest(&self.before)?, pin_digest(&self.after)?);
        let parts: [&[u8]; 3] = [before.as_bytes(), after.as_bytes(), self.system.as_bytes()];
        Ok(canonical::sha256("agentport/policy/proposal", &parts).into())
    }
}
