//! How a person signs in to a service with OAuth 2.0, and which credentials are stronger than an agent needs.

use crate::pattern::Pattern;

/// `[credential.oauth2]`: the vendor's authorization server, and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuthSpec {
    /// What a person calls the sign-in: `Gmail sign-in`.
    pub label: String,
    /// Is it the only kind of credential? Else there is a key beside it, which is the short way.
    pub alone: bool,
    /// Where the browser goes, for the redirect to a port of this computer (RFC 8252).
    pub authorize: Option<EndpointSpec>,
    /// Where codes and refresh tokens become access tokens.
    pub token: EndpointSpec,
    /// Where a device gets its code (RFC 8628).
    pub device: Option<EndpointSpec>,
    /// Where a token is given back (RFC 7009).
    pub revoke: Option<EndpointSpec>,
    /// What is asked for unless the person adds to it.
    pub scopes: Vec<String>,
    /// What stands between scopes: a space, or Linear's comma.
    pub separator: &'static str,
    /// Fixed parameters of the address that the browser goes to.
    pub extra: Vec<(String, String)>,
    /// Does the vendor demand a client secret even of programs that cannot keep one?
    pub client_secret: bool,
}

/// An endpoint of an authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointSpec {
    /// A path on the integration's own origin: with an account of another origin it moves there.
    Own(String),
    /// Elsewhere.
    At {
        /// Scheme, host and port.
        origin: String,
        /// The path.
        path: String,
    },
}

/// `[[credential.warn]]`: a credential that can do more than an agent should, and what to take instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// What it is seen by.
    pub on: WarnOn,
    /// For the person who connects.
    pub message: String,
}

/// What a credential that is too strong is seen by.
#[derive(Debug, Clone, PartialEq)]
pub enum WarnOn {
    /// The secret looks like this.
    Secret(Pattern),
    /// This scope was granted.
    Scope(String),
}
