//! What stands before every route: only requests that a browser makes for this very site come through, and every answer
//! forbids the browser whatever the site does not need.
//!
//! INVARIANT: the allow-list is the exact `Host` values that we bound or printed. Loopback is reachable from every web
//! page that the human opens, so that a name which merely resolves to us (DNS rebinding) must get nowhere.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Site, failure::Failure, passkey::Scripted};

/// The longest body that a form of ours has.
pub(super) const LARGEST_BODY: usize = 16 * 1024;
const LONGEST_TARGET: usize = 2 * 1024;
const MOST_HEADERS: usize = 64;
const LARGEST_HEADERS: usize = 16 * 1024;

/// The names under which the site may be asked for, each with the origin of its own pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorities(Vec<Authority>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    host: String,
    origin: String,
    https: bool,
}

impl Authority {
    /// Of its own pages.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}

impl Authorities {
    /// The loopback names of `port`, and those that were bound or that links have.
    pub(super) fn new(port: u16, others: &[&str], tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let local = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{scheme}://{name}:{port}"));
        let mut found: Vec<Authority> = Vec::new();
        for text in local.iter().map(String::as_str).chain(others.iter().copied()) {
            let Ok(url) = url::Url::parse(text) else { continue };
            let origin = url.origin().ascii_serialization();
            let https = url.scheme() == "https";
            let host = origin.split_once("://").map_or(String::new(), |(_, host)| host.to_owned());
            if !host.is_empty() && !found.iter().any(|known| known.host == host) {
                found.push(Authority { host, origin, https });
            }
        }
        Self(found)
    }

    fn of(&self, headers: &HeaderMap) -> Option<&Authority> {
        let host = only(headers, &header::HOST)?;
        self.0.iter().find(|authority| authority.host.as_bytes() == host.as_bytes())
    }

    /// The origin of the page that the request is for.
    pub(super) fn origin_of(&self, headers: &HeaderMap) -> Option<&str> {
        self.of(headers).map(|authority| authority.origin.as_str())
    }

    /// Was the site asked for under its https name?
    pub(super) fn is_https(&self, headers: &HeaderMap) -> bool {
        self.of(headers).is_some_and(|authority| authority.https)
    }
}

/// Why a request goes nowhere. Each has a fixed text, the same for every path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Version,
    Method,
    Misdirected,
    Target,
    Headers,
    Framing,
    Foreign,
    MediaType,
    Length,
    Agent,
    Nowhere,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Version => (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "use HTTP/1.1\n"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "this method is not used here\n"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "this is not the site that you asked for\n"),
            Self::Target => (StatusCode::URI_TOO_LONG, "the address is too long\n"),
            Self::Headers => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large\n"),
            Self::Framing => (StatusCode::BAD_REQUEST, "the request is framed in a way that is not used here\n"),
            Self::Foreign => (StatusCode::FORBIDDEN, "only a page of this site may send this\n"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "only forms are taken here\n"),
            Self::Nowhere => return super::api::nowhere(),
            Self::Agent => (StatusCode::UNAUTHORIZED, "this is for people; an agent's token opens nothing here\n"),
            Self::Length => (StatusCode::PAYLOAD_TOO_LARGE, "the form is too long\n"),
        };
        (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
    }
}

/// The middleware around all routes.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = match check(site.authorities(), &request) {
        Err(refusal) => refusal.into_response(),
        // its own task: a decision runs to its end even when the browser is gone, and where the build unwinds a panic is an
        // answer here
        Ok(()) => match site.tasks().spawn(next.run(request)).await {
            Ok(response) => response,
            Err(_) => Failure::internal("a handler panicked").into_response(),
        },
    };
    let scripted = response.extensions().get::<Scripted>().is_some();
    harden(response.headers_mut(), scripted);
    response
}

fn check(authorities: &Authorities, request: &Request) -> Result<(), Refusal> {
    let (authority, headers) = (check_envelope(authorities, request)?, request.headers());
    // a proxy may have a password of its own there; a token of ours is somebody who came to the wrong door
    let bearer = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .any(|value| value.as_bytes().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer ")));
    if bearer {
        // a path that nobody has is no page of people either
        let page = request.extensions().get::<MatchedPath>().is_some();
        return Err(if page { Refusal::Agent } else { Refusal::Nowhere });
    }
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        Method::POST => check_form(authority, headers),
        _ => Err(Refusal::Method),
    }
}

/// What every request must be, a browser's or an agent's. Under which of our names it came.
pub(super) fn check_envelope<'a>(authorities: &'a Authorities, request: &Request) -> Result<&'a Authority, Refusal> {
    let headers = request.headers();
    if request.version() != Version::HTTP_11 {
        return Err(Refusal::Version);
    }
    let authority = authorities.of(headers).ok_or(Refusal::Misdirected)?;
    if request.uri().scheme().is_some() || request.uri().authority().is_some() {
        return Err(Refusal::Misdirected);
    }
    if request.uri().path_and_query().map_or(0, |target| target.as_str().len()) > LONGEST_TARGET {
        return Err(Refusal::Target);
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || size > LARGEST_HEADERS {
        return Err(Refusal::Headers);
    }
    // no browser sends a form in chunks; two framings at once are how requests are smuggled
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Refusal::Framing);
    }
    Ok(authority)
}

/// A form counts only if the browser itself says that a page of ours sent it. What says nothing is refused too.
fn check_form(authority: &Authority, headers: &HeaderMap) -> Result<(), Refusal> {
    let origin = only(headers, &header::ORIGIN).ok_or(Refusal::Foreign)?;
    let site = only(headers, &HeaderName::from_static("sec-fetch-site")).ok_or(Refusal::Foreign)?;
    if origin.as_bytes() != authority.origin.as_bytes() || site.as_bytes() != b"same-origin" {
        return Err(Refusal::Foreign);
    }
    let media_type = only(headers, &header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = media_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::MediaType);
    }
    let length = only(headers, &header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    match length {
        Some(length) if length <= LARGEST_BODY => Ok(()),
        Some(_) | None => Err(Refusal::Length),
    }
}

/// The header's value, if it is there exactly once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn harden(headers: &mut HeaderMap, scripted: bool) {
    const POLICY: &str =
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    // where a passkey can be used: the one script, from its own file, which asks this site for a challenge
    const WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
                               form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, if scripted { WITH_SCRIPT } else { POLICY }),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        // not `no-referrer`: with that, browsers send `Origin: null` on our own forms
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests;
