//! The only way from a stored secret to a request, and what is kept beside it: where it may go.
//!
//! INVARIANT: the destination belongs to the credential. What the store holds is the secret together with account,
//! origin and header, sealed by a human at `connect`; a plan that differs from it gets nothing.

mod channel;
mod error;
mod opened;
mod sealed;
mod staged;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use self::channel::{ChannelSecret, ChannelSecretError, channel_secret_name, seal_channel};
pub use self::error::CredentialError;
use self::opened::Carried;
pub use self::opened::{Credential, Observed};
pub use self::sealed::{Inspected, inspect, seal_key};
pub(super) use self::sealed::{Sealed, copied, copy, seal_sign_in};
pub use self::staged::{Staged, account_secret_names, is_waiting};
use super::{
    filter::Needles,
    oauth::{Endpoint, Grant, KnownSecret, OAuth, fingerprint},
    sql::Address,
};
use crate::{
    account::{Account, Origin},
    catalog::{CredentialScheme, CredentialSpec},
    plan::Plan,
    secret::{Secret, SecretStore},
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
    /// Whoever opens a credential for reads has its turn here: those who come meanwhile find it open.
    opening: Arc<Mutex<BTreeMap<String, Arc<Turn>>>>,
}

type Turn = tokio::sync::Mutex<()>;

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
        Self { store, oauth: None, kept: Arc::default(), opening: Arc::default() }
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
        if let Some(sealed) = self.kept_for(&name, account) {
            return self.opened(&sealed, plan);
        }
        let turn =
            Arc::clone(self.opening.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default());
        let _turn = turn.lock().await;
        if let Some(sealed) = self.kept_for(&name, account) {
            return self.opened(&sealed, plan);
        }
        let sealed = self.sealed(plan, account).await?;
        let credential = self.opened(&sealed, plan)?;
        self.kept().insert(name, Kept { account: account.clone(), sealed, since: Instant::now() });
        Ok(credential)
    }

    /// The credential of the plan's account, if it was stored for exactly this account and origin. `account` is how the
    /// ledger has it now.
    ///
    /// # Errors
    /// There is none, it belongs elsewhere, or the store does not answer.
    pub async fn open(&self, plan: &Plan, account: &Account) -> Result<Credential, CredentialError> {
        let sealed = self.sealed(plan, account).await?;
        self.opened(&sealed, plan)
    }

    /// As [`Credentials::open`], without renewing anything: is it there, does it belong, and does it still hold?
    ///
    /// # Errors
    /// As [`Credentials::open`].
    pub async fn inspect(&self, plan: &Plan, account: &Account) -> Result<Inspected, CredentialError> {
        let sealed = self.stored(account).await?;
        Self::from_sealed(&sealed, plan)?;
        Self::inspected(&sealed)
    }

    /// As [`Credentials::inspect`], for what is stored under the account's name. `None`: nothing is.
    ///
    /// # Errors
    /// It cannot be read, or a human has to sign in again.
    pub async fn inspect_stored(&self, account: &Account) -> Result<Option<Inspected>, CredentialError> {
        self.find(account).await?.map(|sealed| Self::inspected(&sealed)).transpose()
    }

    /// The id of the client of the sign-in that is stored, also of one that has ended.
    pub async fn client_of(&self, integration: &str, account: &str) -> Option<String> {
        Some(self.grant_of(integration, account).await?.client_id.clone())
    }

    /// The secret of this client, where it signed in before. It goes to the token endpoint that it was sealed with: a manifest
    /// that names another one today does not get it.
    pub async fn client_secret(&self, integration: &str, account: &str, id: &str, at: &Endpoint) -> KnownSecret {
        let grant = self.grant_of(integration, account).await.filter(|grant| grant.client_id == id);
        let Some(grant) = grant else { return KnownSecret::None };
        match &grant.client_secret {
            Some(secret) if grant.token_endpoint == *at => KnownSecret::Here(Secret::new(secret.clone())),
            Some(_) => KnownSecret::Elsewhere(grant.token_endpoint.url()),
            None => KnownSecret::None,
        }
    }

    async fn grant_of(&self, integration: &str, account: &str) -> Option<Grant> {
        let stored = self.store.get(&account_secret_name(integration, account)).await.ok()??;
        Sealed::read(&stored).ok()?.grant
    }

    fn inspected(sealed: &Secret) -> Result<Inspected, CredentialError> {
        let opened = Sealed::read(sealed)?;
        if opened.grant.as_ref().is_some_and(|grant| grant.refused.is_some()) {
            return Err(opened.signed_out());
        }
        Ok(Inspected::of(opened))
    }

    /// Deletes a secret, while no process renews it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn delete(&self, integration: &str, account: &str) -> Result<(), CredentialError> {
        let name = account_secret_name(integration, account);
        let _alone = self.alone(&name).await?;
        for name in account_secret_names(integration, account) {
            self.store.delete(&name).await?;
        }
        Ok(())
    }

    async fn alone(&self, name: &str) -> Result<Option<crate::files::Lock>, CredentialError> {
        let Some(oauth) = &self.oauth else { return Ok(None) };
        oauth.alone(name).await.map(Some).map_err(CredentialError::Malformed)
    }

    /// What is in the store for the account, renewed where it is a sign-in that runs out.
    async fn sealed(&self, plan: &Plan, account: &Account) -> Result<Arc<Secret>, CredentialError> {
        let stored = Arc::new(self.stored(account).await?);
        let Some(oauth) = &self.oauth else { return Ok(stored) };
        // nothing is renewed for a plan that it does not belong to
        Self::from_sealed(&stored, plan)?;
        oauth.current(&account_secret_name(plan.integration(), plan.account()), stored).await
    }

    async fn stored(&self, account: &Account) -> Result<Secret, CredentialError> {
        self.find(account).await?.ok_or_else(|| CredentialError::Missing {
            integration: account.integration.clone(),
            account: account.name.clone(),
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

    /// What was opened for a read of this account as it is now, if that is not too long ago.
    fn kept_for(&self, name: &str, account: &Account) -> Option<Arc<Secret>> {
        let kept = self.kept();
        let kept = kept.get(name).filter(|kept| kept.account == *account && kept.since.elapsed() < KEPT)?;
        let sealed = Arc::clone(&kept.sealed);
        self.oauth.as_ref().is_none_or(|oauth| oauth.is_fresh(&sealed)).then_some(sealed)
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

/// Where a connection URL leads: the only place that it may be used for, and the database there.
///
/// # Errors
/// It is no URL of a database, has an option that is not taken, or leads to where the human did not allow.
pub fn destination(secret: &Secret, allow_private: bool) -> Result<(Origin, String), String> {
    let (reads, _) = Address::pair(secret.expose())?;
    Ok((reads.origin(allow_private)?, reads.database().to_owned()))
}

#[cfg(test)]
pub(super) mod tests;
