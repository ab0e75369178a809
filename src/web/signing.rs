//! Signing in with a code or a passkey, and out.

use std::{sync::Arc, time::Duration};

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    login,
    pages::{SIGN_OUT, Visit, is_id, refused, see_other},
    proof::Proof,
    session::{self, Session, check_form_token},
};
use crate::{
    approval::{Claim, Person, PersonId},
    canonical,
    gateway::{Parts, Presented, ProveError},
};

/// The pages that stand in the list of pages.
const PAGES: [&str; 6] = ["/log", "/accounts", "/agents", "/policy", "/policy/apply", "/people"];

/// A code that is not taken, of whatever name.
const WRONG: &str = "the name or the code is not right, or the code was used already; after several wrong codes a name \
                     waits before one is taken again";

/// When such an answer comes, after the form did: a lock does less work than a wrong code, and its time would tell the two apart.
const WRONG_AFTER: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub(super) async fn form(
    State(site): State<Arc<Site>>,
    from: login::From,
    next: Result<Query<Next>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let next = next.map(|Query(next)| next.next).unwrap_or_default();
    let next = local(&next);
    let mut visit = Visit::open(&site, &headers).await?;
    visit.codes = login::takes_codes(&site, &from);
    match visit.session {
        Some(_) => Ok(see_other(next)),
        None => visit.ask_who(&site, &headers, StatusCode::OK, next, None).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
    /// Whose code it is.
    #[serde(default)]
    name: String,
    #[serde(default)]
    next: String,
}

/// `POST /login`
pub(super) async fn sign_in(
    State(site): State<Arc<Site>>,
    from: login::From,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let next = local(&form.next);
    let gateway = site.gateway();
    let mut visit = Visit::open(&site, &headers).await?;
    visit.codes = login::takes_codes(&site, &from);
    let Visit { parts, snapshot, .. } = &visit;
    let refuse = async |status, problem: String| visit.ask_who(&site, &headers, status, next, Some(problem)).await;
    // before anything is looked at: it is neither counted as a try nor burnt
    if form.passkey.is_empty() && !visit.codes {
        return refuse(StatusCode::FORBIDDEN, login::NEEDS_MORE.to_owned()).await;
    }
    let proof = match Proof::read(&form.code, &form.passkey) {
        Ok(proof) => proof,
        Err(problem) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, problem).await,
    };
    let came = tokio::time::Instant::now();
    let (person, several) = named(parts, &form.name).await?;
    let presented = match &proof {
        Proof::Code(code) => Presented::Code(&person, code),
        // a passkey says by itself whose it is
        Proof::Passkey(assertion) => Presented::Passkey { assertion, origin: site.origin(), of: None },
    };
    let proven = match gateway.prove(parts, Claim::SignIn, &presented).await {
        Ok(approver) => {
            let opened = parts.home.open_session(approver, gateway.clock().now()).await.map_err(Failure::internal)?;
            opened.ok_or(ProveError::Used)
        }
        Err(error) => Err(error),
    };
    let token = match proven {
        Ok(token) => token,
        Err(ProveError::Ledger(error)) => return Err(Failure::internal(error)),
        // where there are several names, the lock of a wrong one says nothing of whether it is somebody's (T140)
        Err(ProveError::Wrong | ProveError::Locked(_)) if several => {
            tokio::time::sleep_until(came + WRONG_AFTER).await;
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, WRONG.to_owned()).await;
        }
        Err(error) => return refuse(refused(&error), error.to_string()).await,
    };
    session::begin(&site, parts, &headers, &token, snapshot.settings.session, next).await
}

/// Whose code it is, and are there several people: of the one person there is, or of who is named; without a name the owner's.
/// A name that nobody has, or nobody who has a factor, is tried like any other, so that neither the answer nor its time says which names there are (T140).
async fn named(parts: &Parts, name: &str) -> Result<(PersonId, bool), Failure> {
    let people = parts.home.people().await.map_err(Failure::internal)?;
    if let [only] = people.as_slice() {
        return Ok((only.id.clone(), false));
    }
    let name = name.trim().to_lowercase();
    let nobody = canonical::sha256("agentport/nobody", &[parts.home.home_id().as_bytes(), name.as_bytes()]);
    let is_meant = |person: &Person| {
        if name.is_empty() { person.id.is_owner() } else { person.name.as_str() == name }
    };
    let found = people.into_iter().find(|person| is_meant(person) && person.factors > 0);
    let person =
        found.map_or_else(|| PersonId::nobody(nobody.first().copied().unwrap_or_default()), |person| person.id);
    Ok((person, true))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignOut {
    csrf: String,
}

/// `POST /logout`
pub(super) async fn sign_out(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<SignOut>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let mut response = see_other("/");
    if let Some(Session { token, .. }) = &visit.session {
        check_form_token(token, SIGN_OUT, &form.csrf)?;
        visit.parts.home.close_session(token).await.map_err(Failure::internal)?;
        // what a vendor gave and nobody stored
        site.sign_ins().end(token);
        let clear = session::cookie(&site, &visit.parts, &headers).clear();
        response.headers_mut().extend(clear.map(|cookie| (header::SET_COOKIE, cookie)));
    }
    Ok(response)
}

/// Where to go after signing in: a page of ours, whatever the form says.
fn local(next: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=&._-".contains(&byte);
    let known = next.strip_prefix("/approve/").is_some_and(is_id)
        || PAGES.contains(&next)
        || next.strip_prefix("/people/change?").is_some_and(|asked| asked.len() <= 200 && asked.bytes().all(plain));
    if known { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t153_signing_in_leads_only_to_pages_of_ours() {
        for known in ["/approve/apr_0a1b", "/log", "/people", "/people/change?change=add_person&name=ann"] {
            assert_eq!(local(known), known);
        }
        for text in [
            "",
            "/",
            "//evil.example",
            "https://evil.example",
            "/approve/",
            "/approve/apr_",
            "/approve/../login",
            "/approve/apr_1?x",
            "/approve/apr_1/..",
            "/approve//evil",
            "/approve/apr_1\r\nset-cookie: x",
            "/\\evil",
            "javascript:alert(1)",
            "/approve/apr_%2e",
            "/log/rec_1",
            "/log?text=x",
            "/logout",
            "/people/",
            "/people?x",
            "/people/change",
            "/people/change?x=//evil",
            "/people/change?x=%0d",
            "/people/../login",
        ] {
            assert_eq!(local(text), "/", "{text}");
        }
    }
}
