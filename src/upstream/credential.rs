//! The only way from a stored secret to a request, and what is kept beside it: where it may go.
//!
//! INVARIANT: the destination belongs to the credential. What the store holds is the secret together with account,
//! origin and header, sealed by a human at `connect`; a plan that differs from it gets nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::filter::Needles;
use crate::{
    account::{Account, Origin},
    canonical,
    catalog::{CredentialScheme, CredentialSpec},
    plan::Plan,
    secret::{Secret, SecretStore, StoreError},
};

const VERSION: u32 = 1;

/// The name under which the store keeps an account's secret.
pub fn account_secret_name(integration: &str, account: &str) -> String {
    format!("account/{integration}/{account}")
}

/// Does a pasted secret look like what the vendor gives out?
pub fn looks_right(spec: &CredentialSpec, secret: &Secret) -> bool {
    spec.pattern.as_ref().is_none_or(|pattern| pattern.matches(secret.expose()))
}

/// Binds a secret to its account, with the origin, and to the header that carries it.
///
/// # Errors
/// The secret has characters that no header can carry.
pub fn seal(account: &Account, scheme: &CredentialScheme, secret: &Secret) -> Result<Secret, CredentialError> {
    let text = secret.expose();
    header(scheme, text).map_err(CredentialError::Malformed)?;
    // Room for the account too: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text.len() + 16_384));
    let sealed = SealedRef { v: VERSION, account, scheme, secret: text };
    serde_json::to_writer(&mut *bytes, &sealed)
        .map_err(|_| CredentialError::Malformed("the account cannot be written beside its secret".to_owned()))?;
    String::from_utf8(std::mem::take(&mut *bytes))
        .map(Secret::new)
        .map_err(|_| CredentialError::Malformed("the secret is not text".to_owned()))
}

/// How long an opened secret is kept for further reads. A keyring takes longer to answer than all the rest of a read.
const KEPT: Duration = Duration::from_mins(1);

/// Opens the credentials of plans.
#[derive(Debug, Clone)]
pub struct Credentials {
    store: Arc<dyn SecretStore>,
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
}

/// What was opened for a read, for as long as the account's entry stays the very same.
#[derive(Debug)]
struct Kept {
    account: Account,
    sealed: Arc<Secret>,
    since: Instant,
}

impl Credentials {
    /// Credentials out of this store.
    pub fn new(store: Arc<dyn SecretStore>) -> Self {
        Self { store, kept: Arc::default() }
    }

    /// As [`Credentials::open`], for a read: what was opened in the last minute for the same entry of the account is not
    /// asked for again. `connect` and `disconnect` change the entry. Nothing but reads may use this.
    ///
    /// # Errors
    /// As [`Credentials::open`].
    pub async fn open_for_read(&self, plan: &Plan, account: &Account) -> Result<Credential, CredentialError> {
        let name = account_secret_name(plan.integration(), plan.account());
        let kept = self
            .kept()
            .get(&name)
            .filter(|kept| kept.account == *account && kept.since.elapsed() < KEPT)
            .map(|kept| Arc::clone(&kept.sealed));
        if let Some(sealed) = kept {
            return Self::from_sealed(&sealed, plan);
        }
        let sealed = Arc::new(self.sealed(plan).await?);
        let credential = Self::from_sealed(&sealed, plan)?;
        self.kept().insert(name, Kept { account: account.clone(), sealed, since: Instant::now() });
        Ok(credential)
    }

    /// The credential of the plan's account, if it was stored for exactly this account and origin.
    ///
    /// # Errors
    /// There is none, it belongs elsewhere, or the store does not answer.
    pub async fn open(&self, plan: &Plan) -> Result<Credential, CredentialError> {
        Self::from_sealed(&self.sealed(plan).await?, plan)
    }

    async fn sealed(&self, plan: &Plan) -> Result<Secret, CredentialError> {
        let name = account_secret_name(plan.integration(), plan.account());
        self.store.get(&name).await?.ok_or_else(|| CredentialError::Missing {
            integration: plan.integration().to_owned(),
            account: plan.account().to_owned(),
        })
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Credentials::open`], of a sealed secret that is not stored yet: `connect` verifies it first.
    ///
    /// # Errors
    /// It belongs elsewhere, or is not what [`seal`] made.
    pub fn from_sealed(sealed: &Secret, plan: &Plan) -> Result<Credential, CredentialError> {
        let unreadable = || CredentialError::Malformed("what is stored beside the secret cannot be read".to_owned());
        let Sealed { v, account, scheme, secret } = serde_json::from_str(sealed.expose()).map_err(|_| unreadable())?;
        let secret = Zeroizing::new(secret);
        if v != VERSION {
            return Err(unreadable());
        }
        let agrees = account.integration == plan.integration()
            && account.name == plan.account()
            && account.id == plan.account_id()
            && account.origin == *plan.origin();
        if !agrees {
            return Err(CredentialError::Mismatch {
                integration: plan.integration().to_owned(),
                account: plan.account().to_owned(),
                stored: account.origin.to_string(),
            });
        }
        let (name, value) = header(&scheme, &secret).map_err(CredentialError::Malformed)?;
        let needles = Needles::new(&secret, value.to_str().unwrap_or(&secret));
        let fingerprint = canonical::sha256("agentport/credential/1", &[name.as_str().as_bytes(), value.as_bytes()]);
        Ok(Credential { account, name, value, fingerprint, needles })
    }
}

/// A secret that is open, for one account at one origin.
pub struct Credential {
    account: Account,
    name: HeaderName,
    value: HeaderValue,
    fingerprint: [u8; 32],
    needles: Needles,
}

impl Credential {
    /// Whose it is.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The only place that it may be sent to.
    pub fn origin(&self) -> &Origin {
        &self.account.origin
    }

    /// What to look for in answers.
    pub fn needles(&self) -> &Needles {
        &self.needles
    }

    /// The header that carries it; the value is marked as sensitive.
    pub(super) fn header(&self) -> (&HeaderName, &HeaderValue) {
        (&self.name, &self.value)
    }

    /// Tells one secret from another without being one.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credential").field("origin", &self.account.origin).finish_non_exhaustive()
    }
}

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
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be used as it is.
    #[error("{0}")]
    Malformed(String),
}

impl CredentialError {
    /// What an agent may know of it: no command, no path, no origin.
    pub fn agent_message(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "the account has no credential; a human must finish the set-up; nothing was sent",
            Self::Mismatch { .. } | Self::Malformed(_) => {
                "the account's credential does not belong to this request; a human must look at it; nothing was sent"
            }
            Self::Store(_) => {
                "the account's credential cannot be opened now; a human must look at it; nothing was sent"
            }
        }
    }
}

#[derive(Serialize)]
struct SealedRef<'a> {
    v: u32,
    account: &'a Account,
    scheme: &'a CredentialScheme,
    secret: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u32,
    account: Account,
    scheme: CredentialScheme,
    secret: String,
}

/// The header that carries the secret. What is wrong with a secret is said by position, never by quoting it.
fn header(scheme: &CredentialScheme, secret: &str) -> Result<(HeaderName, HeaderValue), String> {
    if secret.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    if let Some(at) = secret.chars().position(|character| !character.is_ascii_graphic()) {
        return Err(format!(
            "the secret has a space, a line break or another character at position {} that no key has; copy it again",
            at + 1
        ));
    }
    let (name, prefix) = match scheme {
        CredentialScheme::Bearer => (AUTHORIZATION, "Bearer "),
        CredentialScheme::Header { name, prefix } => {
            let parsed = HeaderName::from_bytes(name.as_bytes());
            (parsed.map_err(|_| format!("`{name}` is not the name of a header"))?, prefix.as_str())
        }
    };
    let text = Zeroizing::new(format!("{prefix}{secret}"));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| format!("`{}` cannot stand before a secret", prefix.escape_debug()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
pub(super) mod tests;
