//! Connecting an account: whose it is, asked of the vendor; its settings; its secret, bound to the only place that it may go.
//! For the terminal and the site alike.

use std::{collections::BTreeMap, sync::Arc};

use super::{Gateway, Parts};
use crate::{
    account::{Account, Origin},
    approval::Approver,
    catalog::{Integration, OAuthSpec},
    clock::Now,
    ledger::{LedgerError, Outcome, sqlite::Kept},
    secret::{Secret, StoreError},
    snapshot::Snapshot,
    upstream::{CredentialError, Inspected, account_secret_names, inspect, oauth::Server},
};

/// What binds a secret to its account, with what the vendor says that it may do.
pub type Seal<'a> = dyn Fn(&Account, &[String]) -> Result<Secret, CredentialError> + Send + Sync + 'a;

/// How an account is to be connected.
pub struct Connecting<'a> {
    /// The service.
    pub integration: &'a Integration,
    /// What it shall be. Its id is fresh; the same vendor's account keeps the one that it has.
    pub account: Account,
    /// What is connected under its name now.
    pub before: Option<&'a Account>,
    /// May another account take that one's place?
    pub replace: bool,
    /// Is the vendor asked whose it is?
    pub verify: bool,
    /// Binds the secret to the account, with what the vendor says that it may do.
    pub seal: &'a Seal<'a>,
    /// Who agreed, where that is asked for.
    pub approver: Option<Approver>,
}

/// An account that was just connected.
#[derive(Debug)]
pub struct ConnectedAccount {
    /// As it is kept.
    pub account: Account,
    /// What is known of its secret.
    pub inspected: Inspected,
}

/// Why nothing was connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Something else is connected under this name.
    #[error(
        "`{name}` is connected already, and this cannot be shown to be the same {title} account; nothing was changed"
    )]
    Another {
        /// The account's name.
        name: String,
        /// The service's.
        title: String,
    },
    /// The vendor does not take it, or cannot be asked.
    #[error("the credential could not be verified: {0}; nothing was stored")]
    Unverified(String),
    /// It cannot be verified at all.
    #[error("{0}")]
    Unverifiable(String),
    /// The proof was used before.
    #[error("that code was used already; nothing was stored")]
    Unproven,
    /// The secret cannot be sealed or read back.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Gateway {
    /// Connects an account: asks the vendor whose it is, and stores secret and account.
    ///
    /// # Errors
    /// Why nothing was connected.
    pub async fn connect(
        self: &Arc<Self>,
        parts: &Parts,
        connecting: Connecting<'_>,
    ) -> Result<ConnectedAccount, ConnectError> {
        let Connecting { integration, mut account, before, replace, verify, seal, approver } = connecting;
        let mut scopes = Vec::new();
        if verify {
            let probe = seal(&account, &[])?;
            let verified = self.verify_account(&account, &probe).await.map_err(ConnectError::Unverifiable)?;
            match verified.outcome {
                Outcome::Succeeded { .. } => {}
                Outcome::Failed { message, .. } | Outcome::Unknown { message, .. } => {
                    return Err(ConnectError::Unverified(message));
                }
            }
            account.identity = verified.identity;
            scopes = verified.scopes;
        }
        if let Some(before) = before {
            follow(before, &mut account, integration, replace)?;
        }
        let sealed = seal(&account, &scopes)?;
        let inspected = inspect(&sealed)?;
        let now = self.clock.now();
        let _shared = parts.share_secrets().await?;
        let [_, waiting] = account_secret_names(&account.integration, &account.name);
        parts.home.note_secret(&waiting).await?;
        let kept = keep(parts, &account, sealed, approver, now).await;
        if let Err(error) = parts.home.forget_secret(&waiting).await {
            tracing::warn!("the name of a secret is noted for longer than it has to be: {error}");
        }
        kept?;
        Ok(ConnectedAccount { account, inspected })
    }
}

/// Secret and record, together: a store that does not take the secret has spent no proof, and what stands between the two is
/// settled by the record.
async fn keep(
    parts: &Parts,
    account: &Account,
    sealed: Secret,
    approver: Option<Approver>,
    now: Now,
) -> Result<(), ConnectError> {
    let standing = || {
        let accounts = parts.home.accounts()?;
        Ok::<_, ConnectError>(
            accounts.into_iter().find(|one| one.integration == account.integration && one.name == account.name),
        )
    };
    let staged = parts.credentials.stage(account, sealed, standing).await?;
    match parts.home.put_account(account.clone(), approver, now).await? {
        Kept::Done => {
            staged.settle().await;
            Ok(())
        }
        Kept::Nobody | Kept::Unproven => {
            staged.withdraw().await;
            Err(ConnectError::Unproven)
        }
    }
}

/// A new secret of the same account keeps what waits for it; another account takes its place only if that is said.
fn follow(
    before: &Account,
    account: &mut Account,
    integration: &Integration,
    replace: bool,
) -> Result<(), ConnectError> {
    let same =
        before.origin == account.origin && before.identity.id.is_some() && before.identity.id == account.identity.id;
    if same && before.settings == account.settings {
        account.id.clone_from(&before.id);
    } else if !same && !replace {
        return Err(ConnectError::Another { name: before.name.clone(), title: integration.title.clone() });
    }
    Ok(())
}

/// Has nobody approved the manifest as it stands now? Where its key goes is its owner's choice once they have seen it (T260).
pub fn is_unseen(snapshot: &Snapshot, integration: &Integration) -> bool {
    let waiting: Vec<&str> = snapshot.policy.unapproved().map(|(name, _)| name).collect();
    let mut tools = snapshot.catalog.tools_of(&integration.id);
    snapshot.catalog.is_own(&integration.id) && tools.all(|tool| waiting.contains(&tool.policy_name().as_str()))
}

/// How one signs in to an account in a browser, where its manifest is seen and it says how for the address of the account that
/// is there, or else for its own. Another authorization server is named on the terminal alone.
pub fn way_in<'a>(
    snapshot: &Snapshot,
    integration: &'a Integration,
    before: Option<&Account>,
) -> Option<(&'a OAuthSpec, Server)> {
    let spec = integration.credential.oauth.as_ref().filter(|_| !is_unseen(snapshot, integration))?;
    let vendor = integration.upstream.origin();
    let origin = match before {
        Some(before) => before.origin.clone(),
        None => Origin::parse(vendor, false).ok()?,
    };
    let server = Server::of(spec, vendor, &origin, None).ok()?;
    server.authorize.is_some().then_some((spec, server))
}

/// Can an account have this name?
pub fn is_account_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_')
}

/// A setting that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It has none of this name.
    #[error("`{integration}` has no setting `{key}`")]
    Unknown {
        /// The service.
        integration: String,
        /// What was set.
        key: String,
    },
    /// Its value is none.
    #[error("`{value}` is no value for the setting `{key}`")]
    Wrong {
        /// Which one.
        key: String,
        /// What it was set to.
        value: String,
        /// What it is, for people.
        description: String,
        /// A value that would do.
        example: String,
    },
    /// It has to be set.
    #[error("`{integration}` needs the setting `{key}`")]
    Missing {
        /// The service.
        integration: String,
        /// Which one.
        key: String,
        /// What it is, for people.
        description: String,
        /// A value that would do.
        example: String,
    },
}

impl SettingError {
    /// What would do.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { .. } => "leave it out".to_owned(),
            Self::Wrong { description, example, .. } | Self::Missing { description, example, .. } => {
                format!("{description}; for example {example}")
            }
        }
    }
}

/// What is set, over what the account had. Every setting without a default has to have a value.
///
/// # Errors
/// The first that is not as the manifest says.
pub fn settings(
    integration: &Integration,
    given: &[(String, String)],
    before: Option<&BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, SettingError> {
    let declared = |key: &str| integration.settings.iter().find(|setting| setting.name == key);
    // one that a newer manifest does not have any more is dropped
    let mut settings: BTreeMap<_, _> = before.cloned().unwrap_or_default();
    settings.retain(|key, _| declared(key).is_some());
    for (key, value) in given {
        let Some(declared) = declared(key) else {
            return Err(SettingError::Unknown { integration: integration.id.clone(), key: key.clone() });
        };
        if !declared.pattern.matches(value) {
            return Err(SettingError::Wrong {
                key: key.clone(),
                value: value.clone(),
                description: declared.description.clone(),
                example: declared.example.clone(),
            });
        }
        settings.insert(key.clone(), value.clone());
    }
    let missing =
        integration.settings.iter().find(|setting| setting.default.is_none() && !settings.contains_key(&setting.name));
    match missing {
        None => Ok(settings),
        Some(missing) => Err(SettingError::Missing {
            integration: integration.id.clone(),
            key: missing.name.clone(),
            description: missing.description.clone(),
            example: missing.example.clone(),
        }),
    }
}
