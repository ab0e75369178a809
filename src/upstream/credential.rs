//! The only way from a stored secret to a request, and what is kept beside it: where it may go.
//!
//! INVARIANT: the destination belongs to the credential. What the store holds is the secret together with account,
//! origin and header, sealed by a human at `connect`; a plan that differs from it gets nothing.

mod channel;
mod sealed;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use zeroize::Zeroizing;

pub use self::channel::{ChannelSecret, ChannelSecretError, channel_secret_name, seal_channel};
pub use self::sealed::{Inspected, inspect, seal_key};
pub(super) use self::sealed::{Sealed, copied, copy, seal_sign_in};
use super::{
    filter::Needles,
    oauth::{OAuth, Why, fingerprint},
    sql::Address,
};
use crate::{
    account::{Account, Origin},
    canonical,
    catalog::{CredentialScheme, CredentialSpec},
    plan::Plan,
    secret::{Secret, SecretStore, StoreError},
};

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
    sealed::write(account, scheme, (text, &[]), None)
}

/// How long an opened secret is kept for further reads. A keyring takes longer to answer than all the rest of a read.
const KEPT: Duration = Duration::from_mins(1);

/// Opens the credentials of plans.
#[derive(Debug, Clone)]
pub struct Credentials {
    store: Arc<dyn SecretStore>,
    oauth: Option<Arc<OAuth>>,
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
        Self { store, oauth: None, kept: Arc::default() }
    }

    /// Credentials that renew sign-ins.
    #[must_use]
    pub fn renewing(self, oauth: Arc<OAuth>) -> Self {
        Self { oauth: Some(oauth), ..self }
    }

    /// The client of authorization servers, where sign-ins are renewed.
    pub fn oauth(&self) -> Option<&Arc<OAuth>> {
        self.oauth.as_ref()
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
            .map(|kept| Arc::clone(&kept.sealed))
            .filter(|sealed| self.oauth.as_ref().is_none_or(|oauth| oauth.is_fresh(sealed)));
        if let Some(sealed) = kept {
            return self.opened(&sealed, plan);
        }
        let sealed = self.sealed(plan).await?;
        let credential = self.opened(&sealed, plan)?;
        self.kept().insert(name, Kept { account: account.clone(), sealed, since: Instant::now() });
        Ok(credential)
    }

    /// The credential of the plan's account, if it was stored for exactly this account and origin.
    ///
    /// # Errors
    /// There is none, it belongs elsewhere, or the store does not answer.
    pub async fn open(&self, plan: &Plan) -> Result<Credential, CredentialError> {
        let sealed = self.sealed(plan).await?;
        self.opened(&sealed, plan)
    }

    /// As [`Credentials::open`], without renewing anything: is it there, does it belong, and does it still hold?
    ///
    /// # Errors
    /// As [`Credentials::open`].
    pub async fn inspect(&self, plan: &Plan) -> Result<Inspected, CredentialError> {
        let sealed = self.stored(plan).await?;
        Self::from_sealed(&sealed, plan)?;
        Self::inspected(&sealed)
    }

    /// As [`Credentials::inspect`], by name, for what is stored there. `None`: nothing is.
    ///
    /// # Errors
    /// It cannot be read, or a human has to sign in again.
    pub async fn inspect_stored(&self, integration: &str, account: &str) -> Result<Option<Inspected>, CredentialError> {
        let stored = self.store.get(&account_secret_name(integration, account)).await?;
        stored.map(|sealed| Self::inspected(&sealed)).transpose()
    }

    /// The client of the sign-in that is stored, also of one that has ended: its id, and its secret where there is one.
    pub async fn client_of(&self, integration: &str, account: &str) -> Option<(String, Option<Secret>)> {
        let stored = self.store.get(&account_secret_name(integration, account)).await.ok()??;
        let grant = Sealed::read(&stored).ok()?.grant?;
        Some((grant.client_id.clone(), grant.client_secret.clone().map(Secret::new)))
    }

    fn inspected(sealed: &Secret) -> Result<Inspected, CredentialError> {
        let opened = Sealed::read(sealed)?;
        if opened.grant.as_ref().is_some_and(|grant| grant.refused.is_some()) {
            return Err(opened.signed_out());
        }
        Ok(Inspected::of(opened))
    }

    /// Stores a secret that a human has just given, while no process renews the one before it.
    ///
    /// # Errors
    /// The store does not take it.
    pub async fn put(&self, integration: &str, account: &str, sealed: Secret) -> Result<(), CredentialError> {
        let name = account_secret_name(integration, account);
        let _alone = self.alone(&name).await?;
        Ok(self.store.put(&name, sealed).await?)
    }

    /// Deletes a secret, while no process renews it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn delete(&self, integration: &str, account: &str) -> Result<(), CredentialError> {
        let name = account_secret_name(integration, account);
        let _alone = self.alone(&name).await?;
        Ok(self.store.delete(&name).await?)
    }

    async fn alone(&self, name: &str) -> Result<Option<crate::files::Lock>, CredentialError> {
        let Some(oauth) = &self.oauth else { return Ok(None) };
        oauth.alone(name).await.map(Some).map_err(CredentialError::Malformed)
    }

    /// What is in the store for the plan's account, renewed where it is a sign-in that runs out.
    async fn sealed(&self, plan: &Plan) -> Result<Arc<Secret>, CredentialError> {
        let stored = Arc::new(self.stored(plan).await?);
        let Some(oauth) = &self.oauth else { return Ok(stored) };
        // nothing is renewed for a plan that it does not belong to
        Self::from_sealed(&stored, plan)?;
        oauth.current(&account_secret_name(plan.integration(), plan.account()), stored).await
    }

    async fn stored(&self, plan: &Plan) -> Result<Secret, CredentialError> {
        let name = account_secret_name(plan.integration(), plan.account());
        self.store.get(&name).await?.ok_or_else(|| CredentialError::Missing {
            integration: plan.integration().to_owned(),
            account: plan.account().to_owned(),
        })
    }

    /// Opens what was sealed; of a sign-in that can be renewed the credential knows how.
    fn opened(&self, sealed: &Secret, plan: &Plan) -> Result<Credential, CredentialError> {
        let mut credential = Self::from_sealed(sealed, plan)?;
        if credential.token.is_some() && self.oauth.is_some() {
            credential.renewal = Some(self.clone());
        }
        Ok(credential)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Credentials::open`], of a sealed secret that is not stored yet: `connect` verifies it first.
    ///
    /// # Errors
    /// It belongs elsewhere, or is not what [`seal`] made.
    pub fn from_sealed(sealed: &Secret, plan: &Plan) -> Result<Credential, CredentialError> {
        let Sealed { account, scheme, secret, grant, .. } = Sealed::read(sealed)?;
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
        let carried = Carried::of(&scheme, &secret).map_err(CredentialError::Malformed)?;
        let parts = carried.secrets(&secret);
        let mut secrets: Vec<(&str, &str)> = parts.iter().map(|(one, sent)| (one.as_str(), sent.as_str())).collect();
        let beside = grant.iter().flat_map(|grant| [&grant.refresh_token, &grant.client_secret]);
        secrets.extend(beside.flatten().map(|secret| (secret.as_str(), secret.as_str())));
        let needles = Needles::of(&secrets);
        let renews = grant.as_ref().is_some_and(|grant| grant.refresh_token.is_some());
        let token = renews.then(|| fingerprint(&secret));
        let fingerprint = carried.fingerprint();
        drop(parts);
        Ok(Credential { account, carried, fingerprint, needles, token, renewal: None, watched: None })
    }
}

/// A secret that is open, for one account at one origin.
pub struct Credential {
    account: Account,
    carried: Carried,
    fingerprint: [u8; 32],
    needles: Needles,
    /// The access token's fingerprint, of a sign-in that can be renewed.
    token: Option<[u8; 32]>,
    /// What renews it.
    renewal: Option<Credentials>,
    watched: Option<Watched>,
}

/// How the secret goes out.
enum Carried {
    /// In this header; the value is marked as sensitive.
    Header(HeaderName, HeaderValue),
    /// By signing in to a database.
    Connection {
        /// As whom reads are run.
        reads: Box<Address>,
        /// As whom everything else is, where that is somebody else.
        writes: Option<Box<Address>>,
    },
}

impl Carried {
    fn of(scheme: &CredentialScheme, secret: &str) -> Result<Self, String> {
        match scheme {
            CredentialScheme::Bearer | CredentialScheme::Header { .. } => {
                header(scheme, secret).map(|(name, value)| Self::Header(name, value))
            }
            CredentialScheme::Connection => {
                let (reads, writes) = Address::pair(secret)?;
                Ok(Self::Connection { reads: Box::new(reads), writes: writes.map(Box::new) })
            }
        }
    }

    /// What must not be seen in an answer, each with how it is sent.
    fn secrets(&self, secret: &str) -> Vec<(Zeroizing<String>, Zeroizing<String>)> {
        let owned = |text: &str| Zeroizing::new(text.to_owned());
        match self {
            Self::Header(_, value) => vec![(owned(secret), owned(value.to_str().unwrap_or(secret)))],
            Self::Connection { reads, writes } => std::iter::once(reads)
                .chain(writes)
                .flat_map(|address| address.secrets())
                .map(|text| (text.clone(), text))
                .collect(),
        }
    }

    fn fingerprint(&self) -> [u8; 32] {
        let parts: &[&[u8]] = match self {
            Self::Header(name, value) => &[name.as_str().as_bytes(), value.as_bytes()],
            // a database's connections are not kept
            Self::Connection { .. } => &[b"connection"],
        };
        canonical::sha256("agentport/credential/1", parts)
    }
}

/// Where a connection URL leads: the only place that it may be used for, and the database there.
///
/// # Errors
/// It is no URL of a database, has an option that is not taken, or leads to where the human did not allow.
pub fn destination(secret: &Secret, allow_private: bool) -> Result<(Origin, String), String> {
    let (reads, _) = Address::pair(secret.expose())?;
    Ok((reads.origin(allow_private)?, reads.database().to_owned()))
}

/// A header of the answer that is kept.
#[derive(Debug, Clone)]
struct Watched {
    name: HeaderName,
    seen: Arc<Mutex<Option<String>>>,
}

/// What the watched header of an answer said, once there was an answer.
#[derive(Debug, Clone)]
pub struct Observed(Arc<Mutex<Option<String>>>);

impl Observed {
    /// Its value, where the answer had it.
    pub fn value(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Credential {
    /// Keeps this header of the answer: where a vendor says what a key may do.
    pub fn watch(&mut self, header: &str) -> Observed {
        let seen = Arc::<Mutex<Option<String>>>::default();
        if let Ok(name) = HeaderName::from_bytes(header.as_bytes()) {
            self.watched = Some(Watched { name, seen: Arc::clone(&seen) });
        }
        Observed(seen)
    }

    /// Looks at the headers of an answer.
    pub(super) fn observe(&self, headers: &reqwest::header::HeaderMap) {
        let Some(Watched { name, seen }) = &self.watched else { return };
        let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// After a 401: the same account's credential with another token, once. `None`: there is nothing to renew.
    pub(super) async fn renewed(&self, plan: &Plan) -> Option<Result<Self, CredentialError>> {
        let (rejected, credentials) = (self.token?, self.renewal.as_ref()?);
        let oauth = credentials.oauth.as_ref()?;
        let name = account_secret_name(plan.integration(), plan.account());
        if oauth.is_stubborn(&name, rejected) {
            return None;
        }
        let renewed = oauth.renew(&name, Why::Rejected(rejected)).await;
        // what was kept for reads has the rejected token
        credentials.kept().remove(&name);
        Some(renewed.and_then(|sealed| credentials.opened(&sealed, plan)))
    }

    /// The renewed token was rejected too: what is wrong is not its age.
    pub(super) fn still_rejected(&self) {
        if let (Some(token), Some(Credentials { oauth: Some(oauth), .. })) = (self.token, &self.renewal) {
            oauth.note_rejected(&account_secret_name(&self.account.integration, &self.account.name), token);
        }
    }

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
    pub(super) fn header(&self) -> Option<(&HeaderName, &HeaderValue)> {
        match &self.carried {
            Carried::Header(name, value) => Some((name, value)),
            Carried::Connection { .. } => None,
        }
    }

    /// The connection to a database: the one for what is not a read, where there are two and it is one.
    pub(super) fn connection(&self, read: bool) -> Option<&Address> {
        match &self.carried {
            Carried::Header(..) => None,
            Carried::Connection { reads, writes } => Some(if read { reads } else { writes.as_ref().unwrap_or(reads) }),
        }
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
        CredentialScheme::Connection => return Err("a connection URL is no header".to_owned()),
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
