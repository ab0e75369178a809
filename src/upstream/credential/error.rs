//! Why there is no credential: for the person, and in words that an agent may read.

use crate::secret::StoreError;

/// Why there is no credential. Its text is for the person at the terminal or the page, and names what to do; an agent
/// reads [`CredentialError::agent_message`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The store has none for this account.
    #[error(
        "the secret store has nothing for `{integration}` account `{account}`; run `agentport connect {integration} \
         --account {account}`"
    )]
    Missing {
        /// The service.
        integration: String,
        /// The account's name.
        account: String,
    },
    /// What is stored was stored for another account or origin than the plan names.
    #[error(
        "the stored secret of `{integration}` account `{account}` was stored for `{stored}` and does not belong to this \
         request; if the account's origin was meant to change, run `agentport connect {integration} --account {account} \
         --replace`"
    )]
    Mismatch {
        /// The service.
        integration: String,
        /// The account's name.
        account: String,
        /// The origin beside the secret.
        stored: String,
    },
    /// The vendor renews the sign-in no more.
    #[error(
        "the sign-in of `{integration}` account `{account}` has ended; run `agentport connect {integration} --oauth \
         --account {account}`"
    )]
    SignedOut {
        /// The service.
        integration: String,
        /// The account's name.
        account: String,
    },
    /// It could not be renewed this time.
    #[error("the account's sign-in could not be renewed: {0}")]
    NotRenewed(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be used as it is.
    #[error("{0}")]
    Malformed(String),
}

impl CredentialError {
    /// What an agent may know when the service has just rejected the token; continues the service's name.
    pub fn after_rejection(&self) -> &'static str {
        match self {
            Self::SignedOut { .. } | Self::Missing { .. } | Self::Mismatch { .. } => {
                "rejected the account's sign-in, which has ended; a human must connect the account again"
            }
            Self::NotRenewed(_) | Self::Store(_) | Self::Malformed(_) => {
                "rejected the account's sign-in, which could not be renewed just now; try again later"
            }
        }
    }

    /// What an agent may know of it: no command, no path, no origin.
    pub fn agent_message(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "the account has no credential; a human must finish the set-up; nothing was sent",
            Self::Mismatch { .. } | Self::Malformed(_) => {
                "the account's credential does not belong to this request; a human must look at it; nothing was sent"
            }
            Self::SignedOut { .. } => {
                "the account's sign-in has ended; a human must connect the account again; nothing was sent"
            }
            Self::NotRenewed(_) => {
                "the account's sign-in could not be renewed just now; try again later; nothing was sent"
            }
            Self::Store(_) => {
                "the account's credential cannot be opened now; a human must look at it; nothing was sent"
            }
        }
    }
}
