//! The accounts and how each is, and taking one away: for the terminal and the site alike.

use std::sync::Arc;

use super::{ConnectError, Gateway, Parts};
use crate::{
    account::Account,
    approval::Approver,
    catalog::{Integration, UpstreamSpec},
    clock::Millis,
    ledger::{LedgerError, sqlite::Kept},
    snapshot::Snapshot,
    upstream::{CredentialError, least_role},
};

/// An account, and how it is.
#[derive(Debug, Clone)]
pub struct Health {
    /// The account.
    pub account: Arc<Account>,
    /// Whether there is a secret that can be used.
    pub secret: SecretState,
    /// Was it connected by signing in?
    pub signs_in: bool,
    /// What the manifest says of a credential that may do more than an agent should.
    pub too_much: Vec<String>,
    /// A role that may do less, as SQL that makes it.
    pub role: Option<String>,
    /// When a call with it last succeeded.
    pub worked: Option<Millis>,
    /// When one last failed.
    pub failed: Option<Millis>,
    /// Is there a manifest that describes its service?
    pub described: bool,
}

/// Whether an account's secret is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// It is there and whole.
    Ok,
    /// There is none.
    Missing,
    /// Its sign-in has ended.
    SignedOut,
    /// The store does not answer.
    Locked,
    /// It cannot be read.
    Unreadable,
}

impl SecretState {
    /// The word for people and programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "needs secret",
            Self::SignedOut => "needs sign-in",
            Self::Locked => "store locked",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What became of taking an account away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnected {
    /// It is gone; whether the vendor took its sign-in back, where it had one.
    Done(Option<bool>),
    /// There was none.
    Nobody,
    /// The proof was for something else, or used before.
    Unproven,
}

impl Gateway {
    /// Every account, and how it is.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn accounts(&self, parts: &Parts, snapshot: &Snapshot) -> Result<Vec<Health>, LedgerError> {
        let ends = parts.home.last_ends().await?;
        let mut found = Vec::new();
        for account in parts.home.accounts()? {
            let stored = parts.credentials.inspect_stored(&account).await;
            let integration = snapshot.catalog.integration(&account.integration);
            let (too_much, role) = match (&stored, integration) {
                (Ok(Some(inspected)), Some(integration)) => (
                    inspected.warnings(&integration.credential).into_iter().map(str::to_owned).collect(),
                    better_role(integration, &account, inspected.scopes()),
                ),
                _ => (Vec::new(), None),
            };
            let signs_in = match &stored {
                Ok(Some(inspected)) => inspected.is_sign_in(),
                Ok(None) => false,
                Err(error) => matches!(error, CredentialError::SignedOut { .. }),
            };
            let secret = match stored {
                Ok(Some(_)) => SecretState::Ok,
                Ok(None) => SecretState::Missing,
                Err(CredentialError::SignedOut { .. }) => SecretState::SignedOut,
                Err(CredentialError::Store(_)) => SecretState::Locked,
                Err(_) => SecretState::Unreadable,
            };
            let end = ends.iter().find(|end| end.integration == account.integration && end.account == account.name);
            found.push(Health {
                secret,
                signs_in,
                too_much,
                role,
                worked: end.and_then(|end| end.succeeded),
                failed: end.and_then(|end| end.failed),
                described: integration.is_some(),
                account: Arc::new(account),
            });
        }
        Ok(found)
    }

    /// Takes an account away: what waits for it is cancelled, its sign-in given back, its secret deleted.
    ///
    /// # Errors
    /// The ledger or the secret store cannot be used.
    pub async fn disconnect(
        &self,
        parts: &Parts,
        integration: &str,
        account: &str,
        approver: Option<Approver>,
    ) -> Result<Disconnected, ConnectError> {
        let _shared = parts.share_secrets().await?;
        let accounts = parts.home.accounts()?;
        let known = accounts.iter().find(|known| known.integration == integration && known.name == account);
        let removed = parts.home.remove_account(integration, account, approver, self.clock.now()).await?;
        if removed == Kept::Unproven {
            return Ok(Disconnected::Unproven);
        }
        let revoked = match known {
            Some(known) => revoke(parts, known).await,
            None => None,
        };
        // also where there was no account: what a crash left behind goes
        parts.credentials.delete(integration, account).await?;
        Ok(if removed == Kept::Done { Disconnected::Done(revoked) } else { Disconnected::Nobody })
    }
}

/// What to connect with instead of a role that may do more than an agent should.
pub fn better_role(integration: &Integration, account: &Account, scopes: &[String]) -> Option<String> {
    let UpstreamSpec::Sql { dialect } = integration.upstream else { return None };
    let too_much = scopes.iter().any(|scope| matches!(scope.as_str(), "superuser" | "owner" | "files"));
    let database = account.settings.get("database").filter(|_| too_much)?;
    least_role(dialect, database)
}

/// Gives a sign-in back to the vendor, where it has a place for that.
async fn revoke(parts: &Parts, account: &Account) -> Option<bool> {
    let oauth = parts.credentials.oauth()?;
    let stored = parts.credentials.inspect_stored(account).await.ok()??;
    let revoked = oauth.revoke(&stored).await?;
    Some(revoked.is_ok())
}
