//! An agent that asks over a gateway, and what its token reaches.

use std::collections::BTreeSet;

use crate::{call::Caller, clock::Millis};

/// An agent that a human let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Whose approvals and outcomes they are.
    pub name: Caller,
    /// What it can call at most; the policy decides the rest.
    pub reach: Reach,
    /// The user of this computer by which it is known at the gateway's socket; `None`: by its token alone.
    pub user: Option<u32>,
    /// Since when.
    pub created_at: Millis,
    /// Until when; `None` is until it is revoked.
    pub expires_at: Option<Millis>,
}

/// The integrations that a caller can reach at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Whatever the policy gives.
    All,
    /// These and no others.
    Only(BTreeSet<String>),
}

impl Reach {
    /// Is this one among them?
    pub fn includes(&self, integration: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(named) => named.contains(integration),
        }
    }
}
