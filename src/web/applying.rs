//! `/policy/apply`: what putting `policy.toml` in force would change, rule by rule, and the owner's yes to exactly that. What
//! was shown goes with the yes: whatever has changed since is shown again and not applied.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    pages::see_other,
    proof::{Proof, Refused, prove_owner},
    view::{ByPasskey, ProposalView},
    visitor::{Tokened, Visitor},
};
use crate::{
    gateway::{Proposal, ProposalError, ProveError},
    visible::visible_source,
};

/// The page.
const PATH: &str = "/policy/apply";
/// What the token of its form is for.
const APPLY: &str = "policy/apply";
const CHANGED: &str =
    "policy.toml, the tools or what is in force have changed since you looked. This is how they are now.";

#[derive(Template)]
#[template(path = "apply.html")]
struct ApplyPage {
    sign_out: String,
    csrf: String,
    /// Is it the owner who looks?
    owner: bool,
    passkey: ByPasskey,
    /// Why nothing was applied.
    problem: Option<String>,
    /// What there is to apply; else why there is nothing.
    proposal: Result<ProposalView, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyForm {
    csrf: String,
    /// The digest of what was shown.
    seen: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
}

impl Tokened for ApplyForm {
    fn csrf(&self) -> &str {
        &self.csrf
    }
}

/// `GET /policy/apply`
pub(super) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visitor = Visitor::open(&site, &headers, PATH).await?;
    page(&site, &headers, &visitor, (StatusCode::OK, None)).await
}

/// `POST /policy/apply/challenge`: for what was shown, while it is what there is.
pub(super) async fn for_apply(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ApplyForm>, FormRejection>,
) -> Result<Response, Failure> {
    let (visitor, form) = Visitor::asking(&site, &headers, form, APPLY).await?;
    match seen(&visitor, &form)? {
        Some(proposal) => {
            let claim = proposal.claim().map_err(Failure::internal)?;
            visitor.challenge(&site, claim).await
        }
        None => Ok(StatusCode::CONFLICT.into_response()),
    }
}

/// `POST /policy/apply`
pub(super) async fn apply(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ApplyForm>, FormRejection>,
) -> Result<Response, Failure> {
    let (visitor, form) = Visitor::posting(&site, &headers, form, APPLY, PATH).await?;
    match put_in_force(&site, &visitor, &form).await {
        Ok(()) => Ok(see_other(PATH)),
        Err(Refused::Inside(failure)) => Err(failure),
        Err(Refused::Form(status, problem)) => page(&site, &headers, &visitor, (status, Some(problem))).await,
    }
}

async fn put_in_force(site: &Site, visitor: &Visitor, form: &ApplyForm) -> Result<(), Refused> {
    // before anything is proven: a code for another text is neither counted nor burnt
    let proposal = seen(visitor, form)
        .map_err(Refused::Inside)?
        .ok_or_else(|| Refused::Form(StatusCode::CONFLICT, CHANGED.to_owned()))?;
    let shown = Proof::read(&form.code, &form.passkey).map_err(Refused::form)?;
    let claim = proposal.claim().map_err(Refused::inside)?;
    let approver = prove_owner(site, visitor, claim, &shown, "only the owner applies the policy").await?;
    let now = site.gateway().clock().now();
    match visitor.visit.parts.home.pin(proposal.after, Some(approver), now).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refused::form(ProveError::Used)),
        Err(error) => Err(Refused::inside(error)),
    }
}

/// What there is to apply, if it is what the form says was shown.
fn seen(visitor: &Visitor, form: &ApplyForm) -> Result<Option<Proposal>, Failure> {
    let Ok(proposal) = Proposal::read(&visitor.visit.parts, &visitor.visit.snapshot) else { return Ok(None) };
    let digest = proposal.digest().map_err(Failure::internal)?;
    Ok((digest.to_string() == form.seen && !proposal.is_nothing()).then_some(proposal))
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    (status, problem): (StatusCode, Option<String>),
) -> Result<Response, Failure> {
    let snapshot = &visitor.visit.snapshot;
    let proposal = match Proposal::read(&visitor.visit.parts, snapshot) {
        Ok(proposal) => {
            let connected = snapshot.accounts.iter().map(|account| account.integration.as_str());
            let digest = proposal.digest().map_err(Failure::internal)?;
            Ok(ProposalView::new(&proposal, &digest, &connected.collect()))
        }
        Err(ProposalError::Ledger(error)) => return Err(Failure::internal(error)),
        Err(error) => {
            let said = error.to_string();
            Err(said.lines().map(visible_source).collect::<Vec<_>>().join("\n"))
        }
    };
    let page = ApplyPage {
        sign_out: visitor.sign_out(),
        csrf: visitor.form_token(APPLY),
        owner: visitor.session.person.is_owner(),
        passkey: visitor.passkey(site, headers, PATH).await?,
        problem,
        proposal,
    };
    let script = page.owner && page.passkey.is_here();
    visitor.page(site, headers, status, script, &page)
}
