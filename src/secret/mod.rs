//! Secrets, and where they are kept: the OS keyring or an age file.
//!
//! [`Secret`] cannot be printed, cloned, serialised or compared. Beyond this folder `expose` has three callers, which
//! a test holds: the credential that goes upstream, the check of a code against its seed, and the token with which the
//! agent's side of a gateway says who it is. This folder touches the keyring, the
//! vault file, and the pipe through which a home's secrets move to another user (`carry`). It knows what the secrets of
//! well-known services look like, too (`shape`).
//!
//! ```compile_fail,E0277
//! println!("{}", agentport::secret::Secret::new(String::from("sk_live_1")));
//! ```
//! ```compile_fail,E0277
//! serde_json::to_string(&agentport::secret::Secret::new(String::from("sk_live_1")));
//! ```
//! ```compile_fail,E0599
//! let secret = agentport::secret::Secret::new(String::from("sk_live_1"));
//! let copy = secret.clone();
//! ```
//! ```compile_fail,E0369
//! let same = agentport::secret::Secret::new(String::from("a")) == agentport::secret::Secret::new(String::from("a"));
//! ```

mod carry;
mod keyring;
mod moving;
mod parcel;
mod shape;
mod vault;

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use self::{
    carry::{give, take},
    keyring::Keyring,
    moving::Copied,
    parcel::{Opening, Parcel, Seal},
    shape::{Shape, mask, shape_of},
    vault::{KeySource, Vault},
};

/// Text that must not be seen. Wiped when dropped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text. Only for what sends it to its origin or checks a code against it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a person typed twice; `None` where the two differ.
    pub fn typed_twice(first: String, second: String) -> Option<Self> {
        let (first, second) = (Self::new(first), Self::new(second));
        (*first.0 == *second.0).then_some(first)
    }

    /// How many characters it has.
    pub fn len(&self) -> usize {
        self.0.chars().count()
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Keeps secrets under names such as `account/stripe/default`. Absence is `Ok(None)`. Never falls back to another store.
#[async_trait]
pub trait SecretStore: Send + Sync + fmt::Debug {
    /// The secret of this name.
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError>;
    /// Stores or replaces it.
    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError>;
    /// Removes it; no error where there is none.
    async fn delete(&self, name: &str) -> Result<(), StoreError>;
}

/// Why a store did not answer. The text names the fix for the person at the terminal; an agent never sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such store on this machine now.
    #[error("{0}")]
    Unavailable(String),
    /// It is there and locked.
    #[error("{0}")]
    Locked(String),
    /// It did not answer within ten seconds.
    #[error("the secret store did not answer within 10 seconds; is it waiting for you to unlock it?")]
    Timeout,
    /// It answered with something else than it was given.
    #[error("{0}")]
    Broken(String),
}
