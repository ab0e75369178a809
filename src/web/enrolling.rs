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
    pages::{html, is_id, scripted},
    session,
    view::{QrImage, When},
};
use crate::{
    approval::{
        Code, otpauth_uri,
        passkey::{Registration, relying_party},
    },
    canonical,
    gateway::{EnrolError, Parts},
    ledger::sqlite::{Enrolment, EnrolmentToken},
};

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolPage<'a> {
    action: &'a str,
    /// Has the person one already, to which this one is added?
    adds: bool,
    qr: QrImage,
    secret: Zeroizing<String>,
    uri: Zeroizing<String>,
    expires: When,
    problem: Option<String>,
    /// Whose factor it becomes, where there are several people.
    name: &'a str,
    passkey: Option<PasskeyOffer>,
    /// Where a passkey could be made, where that is not here.
    elsewhere: Option<String>,
}

/// What a browser needs to make a passkey.
struct PasskeyOffer {
    challenge: String,
    rp: String,
    /// Names the person to the browser's store: not the same at two homes, which share `localhost`.
    user: String,
    known: String,
}

#[derive(Template)]
#[template(path = "enrolled.html")]
struct EnrolledPage {
    recovery_codes: Vec<String>,
    passkey: bool,
    /// An approval, or the inbox.
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnrolForm {
    #[serde(default)]
    code: String,
    /// What a browser made, instead of a code.
    #[serde(default)]
    passkey: String,
}

/// `GET /enrol/{token}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let token = token_of(&uri)?;
    let parts = site.gateway().open_parts().map_err(Failure::internal)?;
    let enrolment = look(&site, &parts, &token).await?;
    page(&site, &parts, &headers, &uri, &enrolment, None).await
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
    let again =
        async |status, problem: String| page(&site, &parts, &headers, &uri, &enrolment, Some((status, problem))).await;
    let tried = if form.passkey.is_empty() {
        let Ok(Code::Totp(digits)) = Code::parse(&form.code) else {
            let problem = "the code is the six digits that the app shows for AgentPort";
            return again(StatusCode::UNPROCESSABLE_ENTITY, problem.to_owned()).await;
        };
        gateway.enrol_by_link(&parts, &token, &digits).await
    } else {
        let Some(registration) = Registration::parse(&form.passkey) else { return Err(Failure::BadForm) };
        gateway.enrol_passkey_by_link(&parts, &token, &registration, site.origin()).await
    };
    let done = match tried {
        Ok(done) => done,
        Err(EnrolError::Ended) => return Err(Failure::NoSetUp),
        Err(EnrolError::Wrong(0)) => return Err(Failure::LinkUsedUp),
        Err(error @ EnrolError::Wrong(left)) => {
            let more = if left == 1 { "one more code".to_owned() } else { format!("{left} more codes") };
            let problem = format!("{error}; this link takes {more}");
            return again(StatusCode::UNPROCESSABLE_ENTITY, problem).await;
        }
        Err(error @ EnrolError::Store(_)) => {
            return again(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).await;
        }
        Err(error @ EnrolError::Passkey(_)) => {
            return again(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).await;
        }
        Err(error @ (EnrolError::Ledger(_) | EnrolError::Random(_))) => return Err(Failure::internal(error)),
    };
    let cookie = session::cookie(&site, &parts, &headers);
    for old in cookie.tokens(&headers) {
        parts.home.close_session(&old).await.map_err(Failure::internal)?;
        site.sign_ins().end(&old);
    }
    let next = done.next.filter(|id| is_id(id));
    let mut response = html(
        StatusCode::OK,
        &EnrolledPage { recovery_codes: done.recovery.shown(), passkey: !form.passkey.is_empty(), next },
    )?;
    let snapshot = parts.snapshots.current().map_err(Failure::internal)?;
    let set = cookie.set(&done.session, snapshot.settings.session);
    response.headers_mut().extend(set.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

async fn look(site: &Site, parts: &Parts, token: &EnrolmentToken) -> Result<Enrolment, Failure> {
    let now = site.gateway().clock().now();
    parts.home.enrolment(token, now).await.map_err(Failure::internal)?.ok_or(Failure::NoSetUp)
}

async fn page(
    site: &Site,
    parts: &Parts,
    headers: &HeaderMap,
    uri: &Uri,
    enrolment: &Enrolment,
    problem: Option<(StatusCode, String)>,
) -> Result<Response, Failure> {
    let key_uri = otpauth_uri(&enrolment.seed).ok_or_else(|| Failure::internal("the seed has no URI"))?;
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, problem)| (status, Some(problem)));
    let people = parts.home.people().await.map_err(Failure::internal)?;
    let here = site.authorities().origin_of(headers) == Some(site.origin());
    let rp = relying_party(site.origin());
    let elsewhere = rp.as_ref().filter(|_| !here).map(|_| format!("{}{}", site.origin(), uri.path()));
    let passkey = match rp.filter(|_| here) {
        Some(rp) => Some(offer(parts, enrolment, rp).await?),
        None => None,
    };
    let page = EnrolPage {
        name: if people.len() > 1 { &enrolment.name } else { "" },
        passkey,
        elsewhere,
        action: uri.path(),
        adds: people.iter().any(|person| person.id == enrolment.person && person.factors > 0),
        qr: QrImage::of(&key_uri).map_err(Failure::internal)?,
        secret: enrolment.seed.shown(),
        uri: key_uri,
        expires: When::new(enrolment.expires_at, site.gateway().clock().now().wall),
        problem,
    };
    let response = html(status, &page)?;
    Ok(if page.passkey.is_some() { scripted(response) } else { response })
}

async fn offer(parts: &Parts, enrolment: &Enrolment, rp: String) -> Result<PasskeyOffer, Failure> {
    let known = parts.home.passkeys(Some(enrolment.person.clone())).await.map_err(Failure::internal)?;
    let user = [parts.home.home_id().as_bytes(), enrolment.person.0.as_bytes()];
    Ok(PasskeyOffer {
        challenge: enrolment.challenge.clone(),
        rp,
        user: data_encoding::BASE64URL_NOPAD.encode(&canonical::sha256("agentport/passkey/user", &user)),
        known: known.into_iter().map(|passkey| passkey.credential).collect::<Vec<_>>().join(" "),
    })
}

/// The token in the path, of the one spelling that links have: nothing is decoded.
fn token_of(uri: &Uri) -> Result<EnrolmentToken, Failure> {
    uri.path().strip_prefix("/enrol/").and_then(EnrolmentToken::parse).ok_or(Failure::NoSetUp)
}
