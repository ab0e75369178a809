//! What an authorization server granted, as it is sealed beside the access token.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{
    super::credential::{CredentialError, seal_sign_in},
    endpoint::{Endpoint, Server},
    wire::TokenAnswer,
};
use crate::{account::Account, clock::Millis, secret::Secret};

/// A token that ends within this is renewed before it is used; so is one that has less than a quarter of its life left
/// where that is less.
const MARGIN: Millis = 60_000;

/// The client that a person registered with the vendor.
pub struct Client {
    pub(super) id: String,
    pub(super) secret: Option<Zeroizing<String>>,
}

impl Client {
    /// A client with its id, and with a secret where the vendor demands one.
    pub fn new(id: String, secret: Option<&Secret>) -> Self {
        Self { id, secret: secret.map(super::super::credential::copied) }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All but the access token: what renews it, where, as whom, and for what.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Grant {
    pub(in super::super) token_endpoint: Endpoint,
    pub(super) revoke_endpoint: Option<Endpoint>,
    pub(in super::super) client_id: String,
    pub(in super::super) client_secret: Option<String>,
    pub(in super::super) refresh_token: Option<String>,
    pub(in super::super) scopes: Vec<String>,
    /// When it should be renewed, and when it ends; milliseconds since the Unix epoch.
    pub(super) renew_at: Option<Millis>,
    pub(super) expires_at: Option<Millis>,
    /// The vendor's word for why it renews it no more. Only a human who signs in again changes that.
    pub(in super::super) refused: Option<String>,
}

/// What is known of a client's secret, for an address that it may go to.
#[derive(Debug)]
pub enum KnownSecret {
    /// It was sealed for that address.
    Here(Secret),
    /// It was sealed for this one, and goes there only.
    Elsewhere(String),
    /// None is known.
    None,
}

/// How an access token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Standing {
    /// It can be used.
    Fresh,
    /// It should be renewed first; `over` when it cannot be used any more.
    Due { over: bool },
    /// It has ended, and nothing renews it.
    Over,
}

impl Grant {
    /// As whom it is renewed.
    pub(super) fn client(&self) -> Client {
        let secret = self.client_secret.as_ref().map(|secret| Zeroizing::new(secret.clone()));
        Client { id: self.client_id.clone(), secret }
    }

    pub(in super::super) fn standing(&self, now: Millis) -> Standing {
        let over = self.expires_at.is_some_and(|at| at <= now);
        match (&self.refresh_token, self.refused.is_some()) {
            (_, true) => Standing::Over,
            (Some(_), false) if self.renew_at.is_some_and(|at| at <= now) => Standing::Due { over },
            (None, false) if over => Standing::Over,
            (Some(_) | None, false) => Standing::Fresh,
        }
    }

    /// The same sign-in with a new token. A server that names no scope or no refresh token means the old one.
    pub(super) fn renewed(&self, answer: &TokenAnswer, now: Millis) -> Self {
        let (renew_at, expires_at) = deadlines(answer.expires_in, now);
        Self {
            token_endpoint: self.token_endpoint.clone(),
            revoke_endpoint: self.revoke_endpoint.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            refresh_token: match &answer.refresh {
                Some(rotated) => Some(rotated.as_str().to_owned()),
                None => self.refresh_token.clone(),
            },
            scopes: answer.scopes.clone().unwrap_or_else(|| self.scopes.clone()),
            renew_at,
            expires_at,
            refused: None,
        }
    }

    /// What the server grants now and no human saw: only fewer scopes may come back (RFC 6749 section 6).
    pub(super) fn widened(&self, answer: &TokenAnswer) -> Option<String> {
        let granted = answer.scopes.as_ref()?;
        granted.iter().find(|scope| !self.scopes.contains(scope)).cloned()
    }

    /// Room that its text takes, with each character escaped.
    pub(in super::super) fn size(&self) -> usize {
        let texts = [Some(&self.client_id), self.client_secret.as_ref(), self.refresh_token.as_ref()];
        let scopes: usize = self.scopes.iter().map(String::len).sum();
        texts.into_iter().flatten().map(String::len).sum::<usize>() + scopes
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.refresh_token.zeroize();
        self.client_secret.zeroize();
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Grant").field("token_endpoint", &self.token_endpoint).finish_non_exhaustive()
    }
}

/// A sign-in that has just been granted.
pub struct SignedIn {
    access: Zeroizing<String>,
    grant: Grant,
}

impl SignedIn {
    pub(super) fn new(answer: TokenAnswer, server: &Server, client: &Client, asked: Vec<String>, now: Millis) -> Self {
        let (renew_at, expires_at) = deadlines(answer.expires_in, now);
        let grant = Grant {
            token_endpoint: server.token.clone(),
            revoke_endpoint: server.revoke.clone(),
            client_id: client.id.clone(),
            client_secret: client.secret.as_ref().map(|secret| secret.as_str().to_owned()),
            refresh_token: answer.refresh.as_ref().map(|token| token.as_str().to_owned()),
            scopes: answer.scopes.clone().unwrap_or(asked),
            renew_at,
            expires_at,
            refused: None,
        };
        Self { access: answer.access, grant }
    }

    /// Where it is renewed, and nowhere else.
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.grant.token_endpoint
    }

    /// As which client.
    pub fn client_id(&self) -> &str {
        &self.grant.client_id
    }

    /// What the server granted.
    pub fn scopes(&self) -> &[String] {
        &self.grant.scopes
    }

    /// Can it be renewed without a human?
    pub fn renews(&self) -> bool {
        self.grant.refresh_token.is_some()
    }

    /// Binds the tokens to their account, with its origin and the token endpoint.
    ///
    /// # Errors
    /// The access token has characters that no header can carry.
    pub fn seal(&self, account: &Account) -> Result<Secret, CredentialError> {
        seal_sign_in(account, &self.access, &self.grant)
    }
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignedIn").field("scopes", &self.grant.scopes).finish_non_exhaustive()
    }
}

fn deadlines(expires_in: Option<Millis>, now: Millis) -> (Option<Millis>, Option<Millis>) {
    let ends = expires_in.map(|life| (now.saturating_add(life - MARGIN.min(life / 4)), now.saturating_add(life)));
    (ends.map(|(renew, _)| renew), ends.map(|(_, end)| end))
}
