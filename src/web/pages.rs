//! What all pages share: the open home and who looks at it, the form that asks who that is, and what is on no page.

use std::sync::Arc;

use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Site,
    failure::Failure,
    login,
    passkey::Scripted,
    session::{self, Session},
    view::ByPasskey,
};
use crate::{
    gateway::{Parts, ProveError},
    ledger::sqlite::SessionToken,
    packed::packed,
    snapshot::Snapshot,
};

/// The form that signs out, as its token names it.
pub(super) const SIGN_OUT: &str = "logout";

/// The open home at one request.
pub(super) struct Visit {
    pub(super) parts: Arc<Parts>,
    pub(super) snapshot: Arc<Snapshot>,
    /// The session that the browser has.
    pub(super) session: Option<Session>,
    /// May a code alone sign in, as far as that is known?
    pub(super) codes: bool,
}

impl Visit {
    /// Opens the home and looks whose browser this is.
    pub(super) async fn open(site: &Site, headers: &HeaderMap) -> Result<Self, Failure> {
        let parts = site.gateway().open_parts().map_err(Failure::internal)?;
        let snapshot = parts.snapshots.current().map_err(Failure::internal)?;
        let session = session::find(site, &parts, headers, snapshot.settings.session).await?;
        // into a container, everybody comes from elsewhere
        let codes = login::is_named_here(site) && snapshot.settings.listen.ip().is_loopback();
        Ok(Self { parts, snapshot, session, codes })
    }

    /// The form that asks who this is. It says nothing about what lies behind it.
    pub(super) async fn ask_who(
        &self,
        site: &Site,
        headers: &HeaderMap,
        status: StatusCode,
        next: &str,
        problem: Option<String>,
    ) -> Result<Response, Failure> {
        let people = self.parts.home.people().await.map_err(Failure::internal)?;
        let passkeys = self.parts.home.passkeys(None).await.map_err(Failure::internal)?;
        let factors = self.parts.ledger.factors().await.map_err(Failure::internal)?;
        // nothing could be typed into a form
        if factors.is_empty() {
            return html(status, &NobodyPage);
        }
        let passkey = ByPasskey::new(&passkeys, site.authorities().origin_of(headers), site.origin(), next);
        let apps = factors.iter().any(|factor| factor.kind == "totp");
        let page = SignInPage { next, problem, named: people.len() > 1, passkey, apps, codes: self.codes };
        let response = html(status, &page)?;
        Ok(if page.passkey.is_here() { scripted(response) } else { response })
    }

    /// A page for who is signed in; the cookie's life begins anew.
    pub(super) fn page(
        &self,
        site: &Site,
        headers: &HeaderMap,
        token: &SessionToken,
        status: StatusCode,
        page: &impl Template,
    ) -> Result<Response, Failure> {
        let mut response = html(status, page)?;
        let cookie = session::cookie(site, &self.parts, headers).set(token, self.snapshot.settings.session);
        response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        Ok(response)
    }
}

/// A template as an answer.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    let text = page.render().map_err(Failure::internal)?;
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// The page may run the site's script: a passkey can be used on it.
pub(super) fn scripted(mut response: Response) -> Response {
    response.extensions_mut().insert(Scripted);
    response
}

/// After a form: the browser loads the page anew, so that going back or reloading sends nothing twice.
pub(super) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(error) => Failure::internal(error).into_response(),
    }
}

#[derive(Template)]
#[template(path = "nobody.html")]
struct NobodyPage;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    next: &'a str,
    problem: Option<String>,
    /// Are there several people, so that a code has to say whose it is?
    named: bool,
    passkey: ByPasskey,
    /// Has anybody an app?
    apps: bool,
    /// May a code alone sign in here?
    codes: bool,
}

/// The status of a code that proved nobody.
pub(super) fn refused(error: &ProveError) -> StatusCode {
    match error {
        ProveError::Wrong | ProveError::Used | ProveError::Passkey(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ProveError::Locked(_) => StatusCode::TOO_MANY_REQUESTS,
        ProveError::NotEnrolled | ProveError::NoSeed | ProveError::Store(_) | ProveError::Ledger(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// Has this the shape of an approval's id?
pub(super) fn is_id(text: &str) -> bool {
    let random = text.strip_prefix("apr_");
    random.is_some_and(|random| {
        (1..=64).contains(&random.len()) && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// `GET /style.css`
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], packed!("style.css").text()).into_response()
}

/// Everything else.
pub(super) async fn nothing() -> Failure {
    Failure::NotFound
}

/// A route with a method that it does not take.
pub(super) async fn wrong_method() -> Failure {
    Failure::WrongMethod
}
