//! How a call ended.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came of a call. `Unknown` is never retried by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "outcome")]
pub enum Outcome {
    /// The vendor did it.
    Succeeded {
        /// The vendor's answer after the filter; null for none.
        result: Value,
        /// The HTTP status, where there is one.
        http_status: Option<u16>,
        /// Was the answer too large or unreadable? Then `result` is null.
        truncated: bool,
        /// The call that asks for the next page, as `tool` and `arguments`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Value>,
    },
    /// It did not happen.
    Failed {
        /// Why, for machines.
        kind: FailureKind,
        /// The HTTP status, where the vendor answered.
        http_status: Option<u16>,
        /// Why, for people and models.
        message: String,
        /// The vendor's words after the filter.
        body: Option<Value>,
    },
    /// It may have happened.
    Unknown {
        /// The HTTP status, where the vendor answered.
        http_status: Option<u16>,
        /// What is known.
        message: String,
    },
}

impl Outcome {
    /// The word of log and chain.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The vendor said no: 4xx, or for a read 5xx.
    Upstream,
    /// The vendor could not be reached, or for a read its answer was lost.
    Network,
    /// The secret could not be opened, or belongs elsewhere.
    Credential,
    /// A read took too long.
    Timeout,
    /// The vendor pointed elsewhere; that is never followed.
    Redirect,
    /// Too many calls at once.
    Busy,
    /// A human must finish the set-up.
    Setup,
    /// Ours: the ledger or the disk.
    Internal,
}

impl FailureKind {
    /// The word that answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Network => "network",
            Self::Credential => "credential",
            Self::Timeout => "timeout",
            Self::Redirect => "redirect",
            Self::Busy => "busy",
            Self::Setup => "setup",
            Self::Internal => "internal",
        }
    }
}
