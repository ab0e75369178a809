//! What passkeys need of the site: the script, and a challenge to sign. A challenge is asked for when the person presses the
//! button, not when the page is loaded: reading may take longer than a challenge lives, and looking changes nothing.

use std::sync::Arc;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Site, deciding,
    failure::Failure,
    pages::{Visit, is_id},
    session::check_form_token,
};
use crate::{
    approval::{Claim, PersonId, passkey::relying_party},
    gateway::Parts,
    ledger::ApprovalStatus,
};

/// A page that may run the site's script.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripted;

/// `GET /passkey.js`
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("templates/passkey.js")).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asking {
    #[serde(default)]
    csrf: String,
}

/// `POST /approve/{id}/challenge`: for a yes to what the approval's plan is, of who is signed in.
pub(super) async fn for_approval(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    let id = uri.path().strip_prefix("/approve/").and_then(|rest| rest.strip_suffix("/challenge"));
    let id = id.filter(|id| is_id(id)).ok_or(Failure::NotFound)?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    check_form_token(&session.token, &deciding::purpose(id), &form.csrf)?;
    let approval = visit.parts.ledger.approval(id).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)?;
    let shown = approval.shown_digest().filter(|_| approval.status == ApprovalStatus::Pending);
    let Some(digest) = shown else { return Ok(StatusCode::CONFLICT.into_response()) };
    let claim = Claim::Approve { approval: id.to_owned(), digest };
    challenge(&site, &visit.parts, claim, Some(session.person.clone())).await
}

/// `POST /login/challenge`: whose the passkey is, it says itself.
pub(super) async fn for_sign_in(
    State(site): State<Arc<Site>>,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(Asking { .. }) = form.map_err(|_| Failure::BadForm)?;
    let parts = site.gateway().open_parts().map_err(Failure::internal)?;
    challenge(&site, &parts, Claim::SignIn, None).await
}

/// The answer to who wants to sign a claim.
pub(super) async fn challenge(
    site: &Site,
    parts: &Parts,
    claim: Claim,
    of: Option<PersonId>,
) -> Result<Response, Failure> {
    let rp = relying_party(site.origin()).ok_or(Failure::NotFound)?;
    let credentials: Vec<String> = match of {
        // who has not signed in learns of no passkey
        None => Vec::new(),
        Some(person) => {
            let passkeys = parts.home.passkeys(Some(person)).await.map_err(Failure::internal)?;
            passkeys
                .into_iter()
                .filter(|passkey| passkey.origin == site.origin())
                .map(|passkey| passkey.credential)
                .collect()
        }
    };
    let challenge = site.gateway().challenge(parts, claim).await.map_err(Failure::internal)?;
    let answer = json!({"challenge": challenge, "rp": rp, "credentials": credentials});
    Ok(([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response())
}
