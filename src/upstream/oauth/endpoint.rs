//! Where an authorization server is, for one account.

use serde::{Deserialize, Serialize};

use crate::{
    account::{Origin, OriginError},
    catalog::{EndpointSpec, OAuthSpec},
};

/// An address of an authorization server: its origin, judged like every origin that a secret goes to, and a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    origin: Origin,
    path: String,
}

impl Endpoint {
    /// Its origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its path, which begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole address.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

/// The authorization server of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where the browser goes.
    pub authorize: Option<Endpoint>,
    /// Where codes and refresh tokens go.
    pub token: Endpoint,
    /// Where a device asks for its code.
    pub device: Option<Endpoint>,
    /// Where a token is given back.
    pub revoke: Option<Endpoint>,
}

/// Why it is not known where to sign in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Tokens of the vendor's own server would go to somebody else.
    #[error(
        "the sign-in at {0} is for the vendor's own address, and this account is at another one: its tokens would go \
         there; name the authorization server that belongs to it"
    )]
    Elsewhere(String),
    /// An address that cannot be.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

impl Server {
    /// Where to sign in for an account at `origin`. What is on the integration's own origin moves with the account;
    /// what is elsewhere moves to `named`, the authorization server that a human named. Without one, an account at
    /// another origin than the vendor's own gets none: a token of the vendor's is nothing to send to somebody else.
    ///
    /// # Errors
    /// It is not known where.
    pub fn of(spec: &OAuthSpec, vendor: &str, origin: &Origin, named: Option<&Origin>) -> Result<Self, ServerError> {
        let vendors_own = Origin::parse(vendor, false).is_ok_and(|vendor| vendor.as_str() == origin.as_str());
        let endpoint = |spec: &EndpointSpec| match (spec, named) {
            (EndpointSpec::Own(path), _) => Ok(Endpoint { origin: origin.clone(), path: path.clone() }),
            (EndpointSpec::At { path, .. }, Some(named)) => Ok(Endpoint { origin: named.clone(), path: path.clone() }),
            (EndpointSpec::At { origin, path }, None) if vendors_own => {
                Ok(Endpoint { origin: Origin::parse(origin, false)?, path: path.clone() })
            }
            (EndpointSpec::At { origin, .. }, None) => Err(ServerError::Elsewhere(origin.clone())),
        };
        Ok(Self {
            authorize: spec.authorize.as_ref().map(endpoint).transpose()?,
            token: endpoint(&spec.token)?,
            device: spec.device.as_ref().map(endpoint).transpose()?,
            revoke: spec.revoke.as_ref().map(endpoint).transpose()?,
        })
    }
}
