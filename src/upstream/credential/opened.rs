//! A credential that is open: how it goes out, what must not be seen of it, and its renewal after a 401.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::{CredentialError, Credentials, account_secret_name};
use crate::{
    account::{Account, Origin},
    canonical,
    catalog::CredentialScheme,
    plan::Plan,
    upstream::{filter::Needles, oauth::Why, sql::Address},
};

/// A secret that is open, for one account at one origin.
pub struct Credential {
    pub(super) account: Account,
    pub(super) carried: Carried,
    pub(super) fingerprint: [u8; 32],
    pub(super) needles: Needles,
    /// The access token's fingerprint, of a sign-in that can be renewed.
    pub(super) token: Option<[u8; 32]>,
    /// What renews it.
    pub(super) renewal: Option<Credentials>,
    pub(super) watched: Option<Watched>,
}

/// How the secret goes out.
pub(super) enum Carried {
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
    pub(super) fn of(scheme: &CredentialScheme, secret: &str) -> Result<Self, String> {
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
    pub(super) fn secrets(&self, secret: &str) -> Vec<(Zeroizing<String>, Zeroizing<String>)> {
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

    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let parts: &[&[u8]] = match self {
            Self::Header(name, value) => &[name.as_str().as_bytes(), value.as_bytes()],
            // a database's sessions are kept by the address itself, every part of it
            Self::Connection { .. } => &[b"connection"],
        };
        canonical::sha256("agentport/credential/1", parts)
    }
}

/// A header of the answer that is kept.
#[derive(Debug, Clone)]
pub(super) struct Watched {
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
    pub(in super::super) fn observe(&self, headers: &reqwest::header::HeaderMap) {
        let Some(Watched { name, seen }) = &self.watched else { return };
        let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// After a 401: the same account's credential with another token, once. `None`: there is nothing to renew.
    pub(in super::super) async fn renewed(&self, plan: &Plan) -> Option<Result<Self, CredentialError>> {
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
    pub(in super::super) fn still_rejected(&self) {
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
    pub(in super::super) fn header(&self) -> Option<(&HeaderName, &HeaderValue)> {
        match &self.carried {
            Carried::Header(name, value) => Some((name, value)),
            Carried::Connection { .. } => None,
        }
    }

    /// The connection to a database: the one for what is not a read, where there are two and it is one.
    pub(in super::super) fn connection(&self, read: bool) -> Option<&Address> {
        match &self.carried {
            Carried::Header(..) => None,
            Carried::Connection { reads, writes } => Some(if read { reads } else { writes.as_ref().unwrap_or(reads) }),
        }
    }

    /// Tells one secret from another without being one.
    pub(in super::super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credential").field("origin", &self.account.origin).finish_non_exhaustive()
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
