//! A secret on its way to its place. Ledger and store cannot change in one step, so that a new secret waits under a name
//! of its own until the record says that its account is the one, and takes its place then.
//!
//! INVARIANT: which secret is the account's, the record says. One that waits for another record than there is opens nothing;
//! one that waits for this record is put into its place by whoever opens it next, whatever became of who staged it.

use super::{CredentialError, Credentials, Sealed, account_secret_name, copy};
use crate::{account::Account, files::Lock, secret::Secret};

/// The names that an account's secret may have: that of its place, and the one under which it waits for it.
pub fn account_secret_names(integration: &str, account: &str) -> [String; 2] {
    let name = account_secret_name(integration, account);
    let waiting = waiting(&name);
    [name, waiting]
}

/// Is it the name under which an account's secret waits? That of an account called `new` is none.
pub fn is_waiting(name: &str) -> bool {
    name.strip_prefix("account/").and_then(|name| name.strip_suffix("/new")).is_some_and(|name| name.contains('/'))
}

fn waiting(name: &str) -> String {
    format!("{name}/new")
}

/// A secret that waits for its record. While this lives, no process renews or takes the account's secret.
pub struct Staged<'a> {
    credentials: &'a Credentials,
    name: String,
    sealed: Secret,
    _alone: Option<Lock>,
}

impl Credentials {
    /// Stores a secret that a human has just given, so that it is there when the record says so. `standing` is the account of
    /// that name as the record has it, read once nobody else changes it: a secret that still waits for it goes first.
    ///
    /// # Errors
    /// The store does not take it, or the record cannot be read; nothing has changed.
    pub async fn stage<E: From<CredentialError>>(
        &self,
        account: &Account,
        sealed: Secret,
        standing: impl FnOnce() -> Result<Option<Account>, E>,
    ) -> Result<Staged<'_>, E> {
        let name = account_secret_name(&account.integration, &account.name);
        let alone = self.alone(&name).await?;
        if let Some(standing) = standing()? {
            self.place(&name, &standing).await?;
        }
        self.store.put(&waiting(&name), copy(&sealed)).await.map_err(CredentialError::from)?;
        Ok(Staged { credentials: self, name, sealed, _alone: alone })
    }

    /// What is stored for the account as the record has it.
    pub(super) async fn find(&self, account: &Account) -> Result<Option<Secret>, CredentialError> {
        let name = account_secret_name(&account.integration, &account.name);
        let stored = self.store.get(&name).await?;
        if stored.as_ref().is_some_and(|sealed| is_of(sealed, account)) || !self.waits(&name, account).await? {
            return Ok(stored);
        }
        // whoever staged it ended in between, or is just about to do the same
        let _alone = self.alone(&name).await?;
        self.place(&name, account).await?;
        Ok(self.store.get(&name).await?)
    }

    /// Puts the secret that waits for this record into its place, where one does.
    async fn place(&self, name: &str, account: &Account) -> Result<(), CredentialError> {
        if let Some(sealed) = self.store.get(&waiting(name)).await?.filter(|sealed| is_of(sealed, account)) {
            self.store.put(name, sealed).await?;
            self.store.delete(&waiting(name)).await?;
        }
        Ok(())
    }

    async fn waits(&self, name: &str, account: &Account) -> Result<bool, CredentialError> {
        Ok(self.store.get(&waiting(name)).await?.is_some_and(|sealed| is_of(&sealed, account)))
    }
}

impl Staged<'_> {
    /// The record is there: into its place. Where the store does not take it now, it is for whoever opens it next.
    pub async fn settle(self) {
        let Self { credentials, name, sealed, _alone } = self;
        let placed = async {
            credentials.store.put(&name, sealed).await?;
            credentials.store.delete(&waiting(&name)).await
        };
        if let Err(error) = placed.await {
            tracing::warn!(account = name, "a new secret waits for its place in the store: {error}");
        }
    }

    /// There is no such record: away with it.
    pub async fn withdraw(self) {
        if let Err(error) = self.credentials.store.delete(&waiting(&self.name)).await {
            tracing::warn!(account = self.name, "a secret that nothing opens is left in the store: {error}");
        }
    }
}

impl std::fmt::Debug for Staged<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Staged").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Was it sealed with this very record? The moment tells a new secret of the same account from the one before.
fn is_of(sealed: &Secret, account: &Account) -> bool {
    Sealed::read(sealed).is_ok_and(|sealed| {
        let of = sealed.account;
        of.id == account.id && of.origin == account.origin && of.connected_at == account.connected_at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_may_be_called_new() {
        for (account, expected) in [("shop", [false, true]), ("new", [false, true])] {
            assert_eq!(account_secret_names("stripe", account).map(|name| is_waiting(&name)), expected, "{account}");
        }
        assert!(!is_waiting("channel/new") && !is_waiting("factor/new"));
    }
}
