//! Several waiting writes of one tool, one account and one caller on one page: each in full, each ticked, one proof for all
//! that are.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Site, deciding,
    failure::Failure,
    pages::{SIGN_OUT, Visit, is_id, refused, scripted, see_other},
    passkey::challenge,
    proof::Proof,
    session::{Session, check_form_token, form_token},
    view::{ApprovalView, ByPasskey, Cell, HeadlineWord, Shown, Standing},
};
use crate::{
    approval::{Claim, Strength, Ticked},
    gateway::{ProveError, TogetherError},
    ledger::{Approval, MOST_TOGETHER, together},
};

#[derive(Template)]
#[template(path = "together.html")]
struct TogetherPage {
    sign_out: String,
    /// The approval that the page is named after: `apr_…`
    id: String,
    csrf: String,
    /// Why nothing was decided.
    problem: Option<String>,
    /// What became of each that was ticked.
    ends: Vec<End>,
    waiting: Vec<ApprovalView>,
    /// Does a code do for all of them?
    code: bool,
    passkey: ByPasskey,
}

struct End {
    id: String,
    summary: Cell,
    text: String,
}

#[derive(Deserialize)]
pub(super) struct TogetherForm {
    csrf: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
    /// The one that is denied, `apr_…`: then nothing is approved, whatever is ticked.
    #[serde(default)]
    deny: String,
    /// `tick.apr_…` with what the page showed of it, and nothing else.
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

impl TogetherForm {
    /// What was ticked, in the order of the ids.
    fn ticked(&self) -> Result<Vec<Ticked>, Failure> {
        let one = |(name, seen): (&String, &String)| {
            let approval = name.strip_prefix("tick.").filter(|id| is_id(id))?.to_owned();
            Some(Ticked { approval, digest: seen.clone().try_into().ok()? })
        };
        self.rest.iter().map(one).collect::<Option<Vec<_>>>().ok_or(Failure::BadForm)
    }
}

/// `GET /together/{id}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let id = id_of(&uri)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/", None).await;
    };
    page(&site, &headers, &visit, session, id, (StatusCode::OK, None, Vec::new())).await
}

/// `POST /together/{id}`
pub(super) async fn decide(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<TogetherForm>, FormRejection>,
) -> Result<Response, Failure> {
    let id = id_of(&uri)?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/", None).await;
    };
    check_form_token(&session.token, &purpose(id), &form.csrf)?;
    if !form.deny.is_empty() {
        let Some((status, end)) = deny(&site, &visit, id, &form.deny).await? else { return Ok(see_other(uri.path())) };
        return page(&site, &headers, &visit, session, id, (status, None, vec![end])).await;
    }
    let ticked = form.ticked()?;
    let said = match Proof::read(&form.code, &form.passkey) {
        Ok(proof) => site.gateway().approve_together(&ticked, &proof.presented(site.origin(), &session.person)).await,
        Err(error) => {
            let end = (StatusCode::UNPROCESSABLE_ENTITY, Some(format!("{error}; nothing was sent")), Vec::new());
            return page(&site, &headers, &visit, session, id, end).await;
        }
    };
    let each = match said {
        Ok(each) => each,
        Err(TogetherError::Ledger(error) | TogetherError::Prove(ProveError::Ledger(error))) => {
            return Err(Failure::internal(error));
        }
        Err(error) => {
            let status = match &error {
                TogetherError::Prove(error) => refused(error),
                TogetherError::Count | TogetherError::Unlike | TogetherError::Ledger(_) => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
            };
            return page(&site, &headers, &visit, session, id, (status, Some(error.to_string()), Vec::new())).await;
        }
    };
    if each.iter().all(|(_, said)| said.is_ok()) {
        return Ok(see_other("/"));
    }
    let mut ends = Vec::new();
    for (id, said) in each {
        let approval = visit.parts.ledger.approval(&id).await.map_err(Failure::internal)?;
        let text = match said {
            Ok(_) => "your yes was taken".to_owned(),
            Err(error) if deciding::status(&error).is_some() => error.to_string(),
            Err(_) => "it was not taken; nothing was sent".to_owned(),
        };
        let summary = approval.map_or_else(|| Cell::line(&id), |approval| Cell::of_visible(&approval.summary));
        ends.push(End { id, summary, text });
    }
    page(&site, &headers, &visit, session, id, (StatusCode::CONFLICT, None, ends)).await
}

/// No to one of the page. It takes no proof, as on its own page; why it was not taken, where it was not.
async fn deny(site: &Site, visit: &Visit, id: &str, denied: &str) -> Result<Option<(StatusCode, End)>, Failure> {
    let ledger = &visit.parts.ledger;
    let named = ledger.approval(id).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)?;
    let found = ledger.approval(denied).await.map_err(Failure::internal)?;
    let is_here = |approval: &Approval| is_like(&named, approval);
    let approval = found.filter(is_here).ok_or(Failure::BadForm)?;
    let Err(error) = site.gateway().deny(denied, None).await else { return Ok(None) };
    let status = deciding::status(&error).ok_or_else(|| Failure::internal(error.to_string()))?;
    let summary = Cell::of_visible(&approval.summary);
    Ok(Some((status, End { id: denied.to_owned(), summary, text: error.to_string() })))
}

/// `POST /together/{id}/challenge`: for a yes to what is ticked, of who is signed in.
pub(super) async fn for_together(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<TogetherForm>, FormRejection>,
) -> Result<Response, Failure> {
    let path = uri.path().strip_suffix("/challenge").and_then(|path| path.strip_prefix("/together/"));
    let id = path.filter(|id| is_id(id)).ok_or(Failure::NotFound)?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    check_form_token(&session.token, &purpose(id), &form.csrf)?;
    let ticked = form.ticked()?;
    if !(1..=MOST_TOGETHER).contains(&ticked.len()) {
        return Ok(StatusCode::CONFLICT.into_response());
    }
    challenge(&site, &visit.parts, Claim::Together(ticked), Some(session.person.clone())).await
}

async fn page(
    site: &Arc<Site>,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    id: &str,
    (status, problem, ends): (StatusCode, Option<String>, Vec<End>),
) -> Result<Response, Failure> {
    let now = site.gateway().clock().now();
    let ledger = &visit.parts.ledger;
    ledger.sweep(now).await.map_err(Failure::internal)?;
    let named = ledger.approval(id).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)?;
    let open = ledger.open_approvals(None).await.map_err(Failure::internal)?;
    let (mut waiting, mut code) = (Vec::new(), true);
    for approval in alike(&named, open) {
        let approval = site.gateway().fresh(approval).await.map_err(Failure::internal)?;
        let judgement = site.gateway().judgement(&approval).map_err(Failure::internal)?;
        code &= approval.requirement(judgement.as_ref()).approve == Strength::Any;
        waiting.push(deciding::view(site, visit, &approval, judgement.as_ref()).await?);
    }
    let passkeys = visit.parts.home.passkeys(Some(session.person.clone())).await.map_err(Failure::internal)?;
    let here = site.authorities().origin_of(headers);
    let page = TogetherPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        id: id.to_owned(),
        csrf: form_token(&session.token, &purpose(id)),
        problem,
        ends,
        waiting,
        code,
        passkey: ByPasskey::new(&passkeys, here, site.origin(), &format!("/together/{id}")),
    };
    let response = visit.page(site, headers, &session.token, status, &page)?;
    let signs = !page.waiting.is_empty() && page.passkey.is_here();
    Ok(if signs { scripted(response) } else { response })
}

/// The oldest that may be decided together with it, while it waits or has been decided.
fn alike(named: &Approval, open: Vec<Approval>) -> Vec<Approval> {
    open.into_iter()
        .filter(|one| is_like(named, one) && together(std::slice::from_ref(one)))
        .take(MOST_TOGETHER)
        .collect()
}

fn is_like(named: &Approval, one: &Approval) -> bool {
    let account = |approval: &Approval| approval.plan.as_ref().map(|plan| plan.account_id().to_owned());
    (&one.tool, &one.caller, account(one)) == (&named.tool, &named.caller, account(named))
}

/// What the token of the page's forms is for.
fn purpose(id: &str) -> String {
    format!("together/{id}")
}

fn id_of(uri: &Uri) -> Result<&str, Failure> {
    uri.path().strip_prefix("/together/").filter(|id| is_id(id)).ok_or(Failure::NotFound)
}
