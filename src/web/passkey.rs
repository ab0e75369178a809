//! What passkeys need of the site: the script, and a challenge to sign. A challenge is asked for when the person presses the
//! button, not when the page is loaded: reading may take longer than a challenge lives, and looking changes nothing.

use std::{collections::BTreeMap, sync::Arc};

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
    pages::is_id,
    visitor::{Tokened, Visitor},
};
use crate::{
    approval::{Claim, PersonId, passkey::relying_party},
    gateway::{DecideError, Parts},
    ledger::ApprovalStatus,
    packed::packed,
};

/// A page that may run the site's script.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripted;

/// `GET /passkey.js`
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], packed!("passkey.js").text()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asking {
    #[serde(default)]
    #[expect(dead_code, reason = "the script sends one of every form; that of signing in has none")]
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct AskingToApprove {
    csrf: String,
    /// `grant.…`, and nothing else.
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

impl Tokened for AskingToApprove {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `POST /approve/{id}/challenge`: for a yes to what the approval's plan is, of who is signed in; where the box of a grant is
/// ticked, for the two together. The grant is made here: what comes with the signature can't change it.
pub(super) async fn for_approval(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<AskingToApprove>, FormRejection>,
) -> Result<Response, Failure> {
    let id = uri.path().strip_prefix("/approve/").and_then(|rest| rest.strip_suffix("/challenge"));
    let id = id.filter(|id| is_id(id)).ok_or(Failure::NotFound)?;
    if form.as_ref().is_ok_and(|Form(form)| form.rest.keys().any(|key| !key.starts_with("grant."))) {
        return Err(Failure::BadForm);
    }
    let (Visitor { visit, session }, form) = Visitor::asking(&site, &headers, form, &deciding::purpose(id)).await?;
    let approval = visit.parts.ledger.approval(id).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)?;
    let shown = approval.shown_digest().filter(|_| approval.status == ApprovalStatus::Pending);
    let Some(digest) = shown else { return Ok(StatusCode::CONFLICT.into_response()) };
    let of = Some(session.person.clone());
    let bounds = match deciding::bounds(&form.rest) {
        Ok(None) => {
            let claim = Claim::Approve { approval: id.to_owned(), digest };
            return challenge(&site, &visit.parts, claim, of).await;
        }
        Ok(Some(bounds)) => bounds,
        Err(problem) => return Ok(no_grant(&problem)),
    };
    match site.gateway().grant_challenge(id, &bounds).await {
        Ok(challenge) => to_sign(&site, &visit.parts, &challenge, of).await,
        Err(DecideError::Grant(error)) => Ok(no_grant(&error.to_string())),
        Err(DecideError::NotFound) => Err(Failure::NotFound),
        Err(DecideError::AlreadyDecided(_)) => Ok(StatusCode::CONFLICT.into_response()),
        Err(error) => Err(Failure::internal(error)),
    }
}

/// Why there can be no such grant, for the page to say.
fn no_grant(problem: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::UNPROCESSABLE_ENTITY, kind, format!("{problem}.")).into_response()
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
    let challenge = site.gateway().challenge(parts, claim).await.map_err(Failure::internal)?;
    to_sign(site, parts, &challenge, of).await
}

async fn to_sign(site: &Site, parts: &Parts, challenge: &str, of: Option<PersonId>) -> Result<Response, Failure> {
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
    let answer = json!({"challenge": challenge, "rp": rp, "credentials": credentials});
    Ok(([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response())
}
