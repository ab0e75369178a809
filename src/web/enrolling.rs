//! Enrolling a factor in the browser, by a set-up link. Who has no link that is open finds nothing here.
//!
//! Looking changes nothing, however often a link is fetched ahead of the person. The form needs no token of its own: its
//! address is one that only the holder of the link knows, and `guard` takes it from a page of this site alone.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{
    Site,
    failure::Failure,
    pages::{html, is_id},
    session,
    view::{QrImage, When},
};
use crate::{
    approval::{Code, otpauth_uri},
    gateway::{EnrolError, Parts},
    ledger::sqlite::{Enrolment, EnrolmentToken},
};

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolPage<'a> {
    action: &'a str,
    first: bool,
    qr: QrImage,
    secret: Zeroizing<String>,
    uri: Zeroizing<String>,
    expires: When,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "enrolled.html")]
struct EnrolledPage {
    recovery_codes: Vec<String>,
    /// An approval, or the inbox.
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnrolForm {
    code: String,
}

/// `GET /enrol/{token}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri) -> Result<Response, Failure> {
    let token = token_of(&uri)?;
    let parts = site.gateway().open_parts().map_err(Failure::internal)?;
    let enrolment = look(&site, &parts, &token).await?;
    page(&site, &uri, &enrolment, None)
}

/// `POST /enrol/{token}`
pub(super) async fn enrol(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<EnrolForm>, FormRejection>,
) -> Result<Response, Failure> {
    let token = token_of(&uri)?;
    let gateway = site.gateway();
    let parts = gateway.open_parts().map_err(Failure::internal)?;
    // before the form: without a link that is open there is nothing here, whatever is sent
    let enrolment = look(&site, &parts, &token).await?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let Ok(Code::Totp(digits)) = Code::parse(&form.code) else {
        let problem = "the code is the six digits that the app shows for AgentPort";
        return page(&site, &uri, &enrolment, Some((StatusCode::UNPROCESSABLE_ENTITY, problem.to_owned())));
    };
    let done = match gateway.enrol_by_link(&parts, &token, &digits).await {
        Ok(done) => done,
        Err(EnrolError::Ended) => return Err(Failure::NotFound),
        Err(EnrolError::Wrong(0)) => return Err(Failure::LinkUsedUp),
        Err(error @ EnrolError::Wrong(left)) => {
            let more = if left == 1 { "one more code".to_owned() } else { format!("{left} more codes") };
            let problem = format!("{error}; this link takes {more}");
            return page(&site, &uri, &enrolment, Some((StatusCode::UNPROCESSABLE_ENTITY, problem)));
        }
        Err(error @ EnrolError::Store(_)) => {
            return page(&site, &uri, &enrolment, Some((StatusCode::SERVICE_UNAVAILABLE, error.to_string())));
        }
        Err(error @ (EnrolError::Ledger(_) | EnrolError::Random(_))) => return Err(Failure::internal(error)),
    };
    let cookie = session::cookie(&site, &parts, &headers);
    for old in cookie.tokens(&headers) {
        parts.home.close_session(&old).await.map_err(Failure::internal)?;
    }
    let next = done.next.filter(|id| is_id(id));
    let mut response = html(StatusCode::OK, &EnrolledPage { recovery_codes: done.recovery.shown(), next })?;
    let snapshot = parts.snapshots.current().map_err(Failure::internal)?;
    let set = cookie.set(&done.session, snapshot.settings.session);
    response.headers_mut().extend(set.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

async fn look(site: &Site, parts: &Parts, token: &EnrolmentToken) -> Result<Enrolment, Failure> {
    let now = site.gateway().clock().now();
    parts.home.enrolment(token, now).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)
}

fn page(
    site: &Site,
    uri: &Uri,
    enrolment: &Enrolment,
    problem: Option<(StatusCode, String)>,
) -> Result<Response, Failure> {
    let key_uri = otpauth_uri(&enrolment.seed).ok_or_else(|| Failure::internal("the seed has no URI"))?;
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, problem)| (status, Some(problem)));
    let page = EnrolPage {
        action: uri.path(),
        first: enrolment.first,
        qr: QrImage::of(&key_uri).map_err(Failure::internal)?,
        secret: enrolment.seed.shown(),
        uri: key_uri,
        expires: When::new(enrolment.expires_at, site.gateway().clock().now().wall),
        problem,
    };
    html(status, &page)
}

/// The token in the path, of the one spelling that links have: nothing is decoded.
fn token_of(uri: &Uri) -> Result<EnrolmentToken, Failure> {
    uri.path().strip_prefix("/enrol/").and_then(EnrolmentToken::from_link).ok_or(Failure::NotFound)
}
