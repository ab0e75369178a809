//! The button that refuses every call, and the one that ends it, which take a code as on the terminal, or a passkey; and the one that ends a
//! standing permission, which takes none.

use std::sync::Arc;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    inbox,
    pages::{Visit, refused, see_other},
    proof::Proof,
    session::check_form_token,
    visitor::{Asking, Tokened, Visitor},
};
use crate::{
    approval::Claim,
    gateway::{DecideError, ProveError},
};

/// What the token of its form is for.
pub(super) const LOCK: &str = "lock";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockForm {
    csrf: String,
    set: Set,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Set {
    Lock,
    Unlock,
}

impl Set {
    fn claim(self) -> Claim {
        match self {
            Self::Lock => Claim::Lock,
            Self::Unlock => Claim::Unlock,
        }
    }
}

/// `POST /lock/challenge`: for refusing every call.
pub(super) async fn for_lock(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    asked(&site, &headers, form, Set::Lock).await
}

/// `POST /unlock/challenge`: for ending that.
pub(super) async fn for_unlock(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    asked(&site, &headers, form, Set::Unlock).await
}

async fn asked(
    site: &Site,
    headers: &HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
    set: Set,
) -> Result<Response, Failure> {
    let (visitor, _) = Visitor::asking(site, headers, form, LOCK).await?;
    visitor.challenge(site, set.claim()).await
}

/// `POST /lock`
pub(super) async fn set(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<LockForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/", None).await;
    };
    check_form_token(&session.token, LOCK, &form.csrf)?;
    let refuse = async |status, problem: String| inbox::page(&site, &headers, &visit, status, Some(problem)).await;
    let proof = match Proof::read(&form.code, &form.passkey) {
        Ok(proof) => proof,
        Err(error) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}; nothing was changed")).await,
    };
    let presented = proof.presented(site.origin(), &session.person);
    let (parts, now) = (&visit.parts, site.gateway().clock().now());
    let approver = match site.gateway().prove(parts, form.set.claim(), &presented).await {
        Ok(approver) => approver,
        Err(ProveError::Ledger(error)) => return Err(Failure::internal(error)),
        Err(error) => return refuse(refused(&error), error.to_string()).await,
    };
    let done = match form.set {
        Set::Lock => parts.home.lock(approver, now).await,
        Set::Unlock => parts.home.unlock(approver, now).await,
    };
    if done.map_err(Failure::internal)? {
        Ok(see_other("/"))
    } else {
        refuse(StatusCode::UNPROCESSABLE_ENTITY, ProveError::Used.to_string()).await
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeForm {
    csrf: String,
    id: String,
}

impl Tokened for RevokeForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `POST /grants/revoke`: ends a standing permission. The session is enough: it only tightens.
pub(super) async fn revoke(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<RevokeForm>, FormRejection>,
) -> Result<Response, Failure> {
    let (_, form) = Visitor::posting(&site, &headers, form, LOCK, "/").await?;
    match site.gateway().revoke_grant(&form.id).await {
        Ok(()) => Ok(see_other("/")),
        Err(DecideError::NotFound) => Err(Failure::NotFound),
        Err(error) => Err(Failure::internal(error)),
    }
}
