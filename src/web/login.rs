//! Signing in: what counts as this computer, where a code alone is enough, and the one-time link of `agentport login`.
//!
//! Looking at a link changes nothing, so that whoever fetches it ahead of the person (a preview, a scanner of mails) does
//! not use it up: the button does. Its form needs no token of its own: the address is one that only the holder of the link
//! knows, and `guard` takes it from a page of this site alone.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{Site, failure::Failure, listener::Remote, pages::html, session, view::When};
use crate::{
    config::is_this_computer,
    gateway::Parts,
    ledger::sqlite::{SignInLink, SignInToken},
};

/// Who is at the other end of the connection, as the system says.
pub(super) type From = Option<Extension<ConnectInfo<Remote>>>;

/// Why a code was not looked at.
pub(super) const NEEDS_MORE: &str = "beyond this computer a code alone signs nobody in; use a passkey, or run `agentport login` \
                                     where the gateway is and open its link here";

/// May a code alone sign in? Only where the site's address names this computer, because behind a proxy everybody comes from
/// it, and where the connection comes from it. What a header says of either counts for nothing.
pub(super) fn takes_codes(site: &Site, from: &From) -> bool {
    is_named_here(site) && from.as_ref().is_some_and(|Extension(ConnectInfo(remote))| remote.is_this_computer())
}

/// Does the site's address name this computer?
pub(super) fn is_named_here(site: &Site) -> bool {
    url::Url::parse(site.origin()).is_ok_and(|url| is_this_computer(&url))
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkPage<'a> {
    action: &'a str,
    name: &'a str,
    expires: When,
}

/// `GET /login/{token}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let token = token_of(&site, &uri, &headers)?;
    let parts = site.gateway().open_parts().map_err(Failure::internal)?;
    let link = look(&site, &parts, &token).await?;
    let expires = When::new(link.expires_at, site.gateway().clock().now().wall);
    html(StatusCode::OK, &LinkPage { action: uri.path(), name: &link.name, expires })
}

/// `POST /login/{token}`
pub(super) async fn sign_in(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let token = token_of(&site, &uri, &headers)?;
    let parts = site.gateway().open_parts().map_err(Failure::internal)?;
    let opened = parts.home.sign_in_by_link(&token, site.gateway().clock().now()).await.map_err(Failure::internal)?;
    let opened = opened.ok_or(Failure::LinkEnded)?;
    let snapshot = parts.snapshots.current().map_err(Failure::internal)?;
    session::begin(&site, &parts, &headers, &opened, snapshot.settings.session, "/").await
}

async fn look(site: &Site, parts: &Parts, token: &SignInToken) -> Result<SignInLink, Failure> {
    let now = site.gateway().clock().now();
    parts.home.sign_in_link(token, now).await.map_err(Failure::internal)?.ok_or(Failure::LinkEnded)
}

/// The token in the path, of the one spelling that links have, at the address that they begin with.
fn token_of(site: &Site, uri: &Uri, headers: &HeaderMap) -> Result<SignInToken, Failure> {
    if site.authorities().origin_of(headers) != Some(site.origin()) {
        return Err(Failure::NotFound);
    }
    uri.path().strip_prefix("/login/").and_then(SignInToken::parse).ok_or(Failure::NotFound)
}
