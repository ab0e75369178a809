//! One approval: read it, say yes with a code, or no.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    pages::{SIGN_OUT, Visit, is_id, refused, scripted, see_other},
    proof::Proof,
    session::{Session, check_form_token, form_token},
    view::{ApprovalView, ByPasskey, Decide, HeadlineWord, Shown, Standing, Surroundings},
};
use crate::{
    clock::Millis,
    gateway::{DecideError, Parts, ProveError},
    ledger::{Approval, ApprovalStatus},
    policy::{Bound, Bounds, Evaluation},
    visible::visible,
};

/// The longest note that a human leaves for the agent, in characters.
const LONGEST_NOTE: usize = 1_000;

#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage {
    sign_out: String,
    problem: Option<Problem>,
    longest_note: usize,
    decide: Decide,
    approval: ApprovalView,
}

/// Why an answer was not taken.
struct Problem {
    title: &'static str,
    text: String,
}

#[derive(Deserialize)]
pub(super) struct DecisionForm {
    csrf: String,
    #[serde(rename = "decision")]
    answer: Answer,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
    #[serde(default)]
    note: String,
    /// What the page showed: the plan, and what was looked up for it.
    #[serde(default)]
    seen: String,
    /// `grant.…`, and nothing else.
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Approve,
    Deny,
}

impl Answer {
    /// What did not happen.
    fn not(self) -> &'static str {
        match self {
            Self::Approve => "Not approved",
            Self::Deny => "Not denied",
        }
    }
}

/// `GET /approve/{id}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let id = id_of(&uri)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, uri.path(), None).await;
    };
    page(&site, &headers, &visit, session, id, None).await
}

/// `POST /approve/{id}`
pub(super) async fn decide(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<DecisionForm>, FormRejection>,
) -> Result<Response, Failure> {
    let id = id_of(&uri)?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    if form.rest.keys().any(|key| !key.starts_with("grant.")) {
        return Err(Failure::BadForm);
    }
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, uri.path(), None).await;
    };
    check_form_token(&session.token, &purpose(id), &form.csrf)?;
    let (status, title, text) = match answer(&site, session, id, &form).await {
        Ok(()) => return Ok(see_other(uri.path())),
        Err(Refused::Form(text)) => (StatusCode::UNPROCESSABLE_ENTITY, form.answer.not(), text),
        Err(Refused::Decision(error)) => match status(&error) {
            Some(status) if matches!(error, DecideError::AlreadyDecided(_)) => {
                (status, "Already decided", error.to_string())
            }
            Some(status) => (status, form.answer.not(), error.to_string()),
            None => {
                return Err(match error {
                    DecideError::NotFound => Failure::NotFound,
                    other => Failure::internal(other),
                });
            }
        },
    };
    page(&site, &headers, &visit, session, id, Some((status, Problem { title, text }))).await
}

enum Refused {
    Form(String),
    Decision(DecideError),
}

impl From<DecideError> for Refused {
    fn from(error: DecideError) -> Self {
        Self::Decision(error)
    }
}

async fn answer(site: &Site, session: &Session, id: &str, form: &DecisionForm) -> Result<(), Refused> {
    if matches!(form.answer, Answer::Approve) {
        // a form that does not say what it showed showed nothing
        site.gateway().has_seen(id, &form.seen).await?;
    }
    match form.answer {
        Answer::Approve => {
            let proof = Proof::read(&form.code, &form.passkey);
            let proof = proof.map_err(|problem| Refused::Form(format!("{problem}; nothing was sent")))?;
            let presented = proof.presented(site.origin(), &session.person);
            // which grant a passkey gives, if any, was fixed when it was asked to sign: no field here says it
            match bounds(&form.rest).map_err(|problem| Refused::Form(format!("{problem}; nothing was sent")))? {
                None => site.gateway().approve(id, &presented).await?,
                Some(bounds) => site.gateway().approve_and_grant(id, &bounds, &presented).await?,
            };
        }
        Answer::Deny => {
            let note = form.note.trim();
            if note.chars().count() > LONGEST_NOTE {
                return Err(Refused::Form(format!("the note is longer than {LONGEST_NOTE} characters")));
            }
            site.gateway().deny(id, Some(note).filter(|note| !note.is_empty()).map(str::to_owned)).await?;
        }
    }
    Ok(())
}

/// The bounds of the grant that the form asks for, where its box is ticked.
pub(super) fn bounds(fields: &BTreeMap<String, String>) -> Result<Option<Bounds>, String> {
    if fields.get("grant.give").is_none_or(|give| give != "yes") {
        return Ok(None);
    }
    let number = |name: &str| -> Result<u32, String> {
        let text = fields.get(name).map(|text| text.trim()).unwrap_or_default();
        text.parse().map_err(|_| format!("`{}` must be a whole number", name.trim_start_matches("grant.")))
    };
    let mut arguments = BTreeMap::new();
    for (key, choice) in fields {
        let Some(name) = key.strip_prefix("grant.bound.") else { continue };
        let bound = match choice.as_str() {
            "same" => Bound::Same,
            "anything" => Bound::Anything,
            "most" => {
                let text = fields.get(&format!("grant.most.{name}")).map(|text| text.trim()).unwrap_or_default();
                let most = text.parse::<serde_json::Number>();
                Bound::AtMost(most.map_err(|_| format!("`{}` needs a number", visible(name)))?)
            }
            _ => return Err(format!("`{}` has no such bound", visible(name))),
        };
        arguments.insert(name.to_owned(), bound);
    }
    Ok(Some(Bounds { arguments, hours: number("grant.hours")?, uses: number("grant.uses")? }))
}

/// The status of an answer that was not taken; `None` where there is no approval to show with it, or nothing of the
/// reason may be shown.
pub(super) fn status(error: &DecideError) -> Option<StatusCode> {
    match error {
        DecideError::AlreadyDecided(_)
        | DecideError::PolicyDenies(_)
        | DecideError::Changed(_)
        | DecideError::SaidAlready
        | DecideError::FactsChanged(_) => Some(StatusCode::CONFLICT),
        DecideError::Credential(_) | DecideError::ClockBehind | DecideError::Busy => {
            Some(StatusCode::SERVICE_UNAVAILABLE)
        }
        DecideError::Prove(ProveError::Ledger(_))
        | DecideError::NotFound
        | DecideError::Ledger(_)
        | DecideError::Home(_) => None,
        DecideError::Prove(error) => Some(refused(error)),
        DecideError::TooWeak | DecideError::Grant(_) => Some(StatusCode::UNPROCESSABLE_ENTITY),
    }
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    id: &str,
    problem: Option<(StatusCode, Problem)>,
) -> Result<Response, Failure> {
    let now = site.gateway().clock().now();
    let ledger = &visit.parts.ledger;
    ledger.sweep(now).await.map_err(Failure::internal)?;
    let approval = ledger.approval(id).await.map_err(Failure::internal)?.ok_or(Failure::NotFound)?;
    let approval = site.gateway().fresh(approval).await.map_err(Failure::internal)?;
    // after the looking, which takes its time
    let now = site.gateway().clock().now();
    let judgement = site.gateway().judgement(&approval).map_err(Failure::internal)?;
    let shown = view(site, visit, &approval, judgement.as_ref()).await?;
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, problem)| (status, Some(problem)));
    let passkeys = visit.parts.home.passkeys(Some(session.person.clone())).await.map_err(Failure::internal)?;
    let here = site.authorities().origin_of(headers);
    let passkey = ByPasskey::new(&passkeys, here, site.origin(), &format!("/approve/{id}"));
    let csrf = form_token(&session.token, &purpose(id));
    let page = ApprovalPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        problem,
        longest_note: LONGEST_NOTE,
        decide: Decide::new(&approval, judgement.as_ref(), &session.person, passkey, csrf, now.wall),
        approval: shown,
    };
    let response = visit.page(site, headers, &session.token, status, &page)?;
    let waits = matches!(page.approval.standing, Standing::Waiting);
    Ok(if waits && page.decide.passkey.is_here() { scripted(response) } else { response })
}

/// What a page shows of it.
pub(super) async fn view(
    site: &Site,
    visit: &Visit,
    approval: &Approval,
    judgement: Option<&Evaluation>,
) -> Result<ApprovalView, Failure> {
    let surroundings = Surroundings {
        snapshot: &visit.snapshot,
        judgement,
        denied_like_it: denied_like_it(&visit.parts, approval).await?,
        last_ran: visit.parts.ledger.last_ran(&approval.id).await.map_err(Failure::internal)?,
        lately: visit.parts.ledger.lately(&approval.id).await.map_err(Failure::internal)?,
        now: site.gateway().clock().now().wall,
    };
    Ok(ApprovalView::new(approval, &surroundings))
}

/// When a human last said no to another call of the same tool, by the same caller, with the same account, in the ten minutes
/// before this one was asked.
async fn denied_like_it(parts: &Parts, approval: &Approval) -> Result<Option<Millis>, Failure> {
    const COOL_DOWN: Millis = 10 * 60_000;
    const RECENT: u32 = 200;
    let account = |approval: &Approval| approval.plan.as_ref().map(|plan| plan.account().to_owned());
    let recent = parts.ledger.recent_approvals(RECENT).await.map_err(Failure::internal)?;
    let alike = recent.iter().filter(|other| {
        other.id != approval.id
            && other.status == ApprovalStatus::Denied
            && (&other.tool, &other.caller, account(other)) == (&approval.tool, &approval.caller, account(approval))
    });
    let denials = alike.filter_map(|other| other.decision.as_ref().filter(|decision| !decision.by_policy));
    let near = denials
        .map(|decision| decision.at)
        .filter(|at| (0..COOL_DOWN).contains(&approval.created_at.saturating_sub(*at)));
    Ok(near.max())
}

/// What the token of an approval's forms is for.
pub(super) fn purpose(id: &str) -> String {
    format!("approve/{id}")
}

/// The id in the path, of the one spelling that links have: nothing is decoded.
fn id_of(uri: &Uri) -> Result<&str, Failure> {
    uri.path().strip_prefix("/approve/").filter(|id| is_id(id)).ok_or(Failure::NotFound)
}
