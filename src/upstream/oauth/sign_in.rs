//! The way through the browser: the address that it goes to, and what it brings back. Pure, so that whoever receives
//! the redirect, a port of the terminal's or a page of the site's, goes the same way.

use oauth2::{CsrfToken, PkceCodeChallenge};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{endpoint::Endpoint, grant::Client};

/// Longer answers are none.
const LONGEST: usize = 8_192;

/// One sign-in that has begun. It takes one answer.
pub struct Authorization {
    url: String,
    state: Zeroizing<String>,
    verifier: Zeroizing<String>,
    redirect_uri: String,
    issuer: String,
    scopes: Vec<String>,
}

/// What a redirect was.
#[derive(Debug)]
pub enum Returned {
    /// The person agreed.
    Code(Code),
    /// The vendor or the person said no; the vendor's word for it.
    Refused(String),
    /// It is not the answer to this sign-in: not its state, or not its server. Another one may still come.
    Foreign(&'static str),
}

/// A code that was brought back, with what proves that it was asked for here.
pub struct Code {
    text: Zeroizing<String>,
    verifier: Zeroizing<String>,
    redirect_uri: String,
    scopes: Vec<String>,
}

impl Authorization {
    /// Begins: a fresh state, a fresh PKCE verifier with its S256 challenge, and the address for the browser.
    ///
    /// # Errors
    /// The address cannot be put together.
    pub fn begin(
        authorize: &Endpoint,
        client: &Client,
        redirect_uri: String,
        (scopes, separator): (Vec<String>, &str),
        extra: &[(String, String)],
    ) -> Result<Self, String> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new_random_len(32);
        let mut url =
            url::Url::parse(&authorize.url()).map_err(|_| "the sign-in's address cannot be used".to_owned())?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("state", state.secret())
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", "S256");
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes.join(separator));
        }
        for (name, value) in extra {
            query.append_pair(name, value);
        }
        drop(query);
        Ok(Self {
            url: url.into(),
            state: Zeroizing::new(state.into_secret()),
            verifier: Zeroizing::new(verifier.into_secret()),
            redirect_uri,
            issuer: authorize.origin().as_str().to_owned(),
            scopes,
        })
    }

    /// Where the browser goes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the query of a redirect means. The state is compared in constant time; a server that names itself
    /// (RFC 9207) must be the one that was asked.
    pub fn accept(&self, query: &str) -> Returned {
        if query.len() > LONGEST {
            return Returned::Foreign("it is too long");
        }
        let (mut state, mut code, mut error, mut issuer) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = Zeroizing::new(value.into_owned());
            match name.as_ref() {
                "state" => state.push(value),
                "code" => code.push(value),
                "error" => error.push(value),
                "iss" => issuer.push(value),
                _ => {}
            }
        }
        let [state] = state.as_slice() else { return Returned::Foreign("it has not one state") };
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Returned::Foreign("its state is not the one of this sign-in");
        }
        match issuer.as_slice() {
            [] => {}
            [issuer] if url::Url::parse(issuer).is_ok_and(|url| url.origin().ascii_serialization() == self.issuer) => {}
            _ => return Returned::Foreign("it comes from another server than the one that was asked"),
        }
        match (code.as_slice(), error.as_slice()) {
            ([code], []) if !code.is_empty() => Returned::Code(Code {
                text: code.clone(),
                verifier: self.verifier.clone(),
                redirect_uri: self.redirect_uri.clone(),
                scopes: self.scopes.clone(),
            }),
            ([], [error]) => Returned::Refused(
                error.chars().filter(|one| one.is_ascii_alphanumeric() || "_.-".contains(*one)).take(60).collect(),
            ),
            _ => Returned::Foreign("it has not one code"),
        }
    }
}

impl Code {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn verifier(&self) -> &str {
        &self.verifier
    }

    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    pub(super) fn scopes(&self) -> Vec<String> {
        self.scopes.clone()
    }
}

impl std::fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authorization").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[code]")
    }
}
