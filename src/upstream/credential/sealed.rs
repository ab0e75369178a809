//! What the store keeps for an account: the secret, where it may go, how it is sent, and what renews it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    super::oauth::{Grant, fingerprint},
    Carried, CredentialError,
};
use crate::{
    account::Account,
    catalog::{CredentialScheme, CredentialSpec, WarnOn},
    secret::Secret,
};

const VERSION: u32 = 1;

/// As [`super::seal`], of a key with what the vendor says that it may do.
///
/// # Errors
/// As [`super::seal`].
pub fn seal_key(
    account: &Account,
    scheme: &CredentialScheme,
    secret: &Secret,
    scopes: &[String],
) -> Result<Secret, CredentialError> {
    write(account, scheme, (secret.expose(), scopes), None)
}

/// As [`super::seal`], of an access token with the sign-in that renews it. It is sent as a bearer token.
pub(in super::super) fn seal_sign_in(
    account: &Account,
    access: &str,
    grant: &Grant,
) -> Result<Secret, CredentialError> {
    write(account, &CredentialScheme::Bearer, (access, &[]), Some(grant))
}

pub(super) fn write(
    account: &Account,
    scheme: &CredentialScheme,
    (secret, scopes): (&str, &[String]),
    grant: Option<&Grant>,
) -> Result<Secret, CredentialError> {
    Carried::of(scheme, secret).map_err(CredentialError::Malformed)?;
    // Room for the account too: a buffer that grows leaves copies of the secret behind.
    let room = 2 * (secret.len() + grant.map_or(0, Grant::size)) + 16_384;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let sealed = SealedRef { v: VERSION, account, scheme, secret, scopes, grant };
    serde_json::to_writer(&mut *bytes, &sealed)
        .map_err(|_| CredentialError::Malformed("the account cannot be written beside its secret".to_owned()))?;
    String::from_utf8(std::mem::take(&mut *bytes))
        .map(Secret::new)
        .map_err(|_| CredentialError::Malformed("the secret is not text".to_owned()))
}

/// The text of a secret, for what is sealed beside another.
pub(in super::super) fn copied(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(secret.expose().to_owned())
}

/// The same secret once more, for the store.
pub(in super::super) fn copy(secret: &Secret) -> Secret {
    Secret::new(secret.expose().to_owned())
}

#[derive(Serialize)]
struct SealedRef<'a> {
    v: u32,
    account: &'a Account,
    scheme: &'a CredentialScheme,
    secret: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a Grant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    v: u32,
    account: Account,
    scheme: CredentialScheme,
    secret: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    grant: Option<Grant>,
}

/// What is in the store for an account, opened.
pub(in super::super) struct Sealed {
    pub(in super::super) account: Account,
    pub(in super::super) scheme: CredentialScheme,
    pub(in super::super) secret: Zeroizing<String>,
    scopes: Vec<String>,
    pub(in super::super) grant: Option<Grant>,
}

impl Sealed {
    pub(in super::super) fn read(sealed: &Secret) -> Result<Self, CredentialError> {
        let unreadable = || CredentialError::Malformed("what is stored beside the secret cannot be read".to_owned());
        let Raw { v, account, scheme, secret, scopes, grant } =
            serde_json::from_str(sealed.expose()).map_err(|_| unreadable())?;
        let secret = Zeroizing::new(secret);
        if v != VERSION {
            return Err(unreadable());
        }
        Ok(Self { account, scheme, secret, scopes, grant })
    }

    /// Tells its secret from another.
    pub(in super::super) fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.secret)
    }

    pub(in super::super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The same account with the next token.
    pub(in super::super) fn with_sign_in(&self, access: &str, grant: &Grant) -> Result<Secret, CredentialError> {
        seal_sign_in(&self.account, access, grant)
    }

    /// The same with the vendor's refusal to renew it.
    pub(in super::super) fn refused(mut self, said: &str) -> Result<Secret, CredentialError> {
        if let Some(grant) = &mut self.grant {
            grant.refused = Some(said.to_owned());
        }
        write(&self.account, &self.scheme, (&self.secret, &self.scopes), self.grant.as_ref())
    }

    /// What a human has to do once it is renewed no more.
    pub(in super::super) fn signed_out(&self) -> CredentialError {
        CredentialError::SignedOut { integration: self.account.integration.clone(), account: self.account.name.clone() }
    }
}

/// What may be known of a stored credential without sending it.
pub struct Inspected(Sealed);

impl Inspected {
    pub(super) fn of(sealed: Sealed) -> Self {
        Self(sealed)
    }

    pub(in super::super) fn sealed(&self) -> &Sealed {
        &self.0
    }

    /// Is it a sign-in, and no key?
    pub fn is_sign_in(&self) -> bool {
        self.0.grant.is_some()
    }

    /// What it may do, as far as the vendor said.
    pub fn scopes(&self) -> &[String] {
        self.0.grant.as_ref().map_or(&self.0.scopes, |grant| &grant.scopes)
    }

    /// The warnings of the manifest that it deserves.
    pub fn warnings<'a>(&self, spec: &'a CredentialSpec) -> Vec<&'a str> {
        let deserved = spec.warnings.iter().filter(|warning| match &warning.on {
            WarnOn::Secret(pattern) => self.0.grant.is_none() && pattern.matches(&self.0.secret),
            WarnOn::Scope(scope) => self.scopes().contains(scope) || self.0.scopes.contains(scope),
        });
        deserved.map(|warning| warning.message.as_str()).collect()
    }
}

impl std::fmt::Debug for Inspected {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inspected").field("scopes", &self.scopes()).finish_non_exhaustive()
    }
}

/// What is in a sealed secret that is not stored yet.
///
/// # Errors
/// It is not what [`super::seal`] made.
pub fn inspect(sealed: &Secret) -> Result<Inspected, CredentialError> {
    Sealed::read(sealed).map(Inspected)
}
