//! The inbox: what waits, what agents did lately, what was missed and decided, what is granted, and the lock.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    Site,
    failure::Failure,
    lock::LOCK,
    pages::{SIGN_OUT, Visit, scripted},
    session::{Session, form_token},
    view::{A_DAY, ByPasskey, Day, Inbox, LogLine, When, days},
};
use crate::{
    clock::Millis,
    ledger::{ApprovalStatus, LineFilter},
    visible::visible_source,
};

/// How many days the overview counts, today among them.
const DAYS: i64 = 7;
/// How many of the last calls it shows.
const LATELY: u32 = 3;
/// How many decided approvals the inbox shows.
const DECIDED: usize = 20;
/// How long what nobody decided is shown as missed.
const MISSED_FOR: Millis = 7 * 24 * 60 * 60 * 1000;
/// Enough to find so many decided ones among all that may wait.
const RECENT: u32 = 200;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    sign_out: String,
    /// The token of the lock's form.
    lock: String,
    /// Can it be locked with a passkey here?
    passkey: ByPasskey,
    /// Since when every call is refused, where it is.
    locked: Option<When>,
    problem: Option<String>,
    /// What is granted and lives: id, and the rule line by line.
    grants: Vec<(String, Vec<String>)>,
    inbox: Inbox,
    /// Today and the days before.
    days: Vec<Day>,
    /// What agents asked for last.
    recent: Vec<LogLine>,
}

/// `GET /`
pub(super) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visit = Visit::open(&site, &headers).await?;
    page(&site, &headers, &visit, StatusCode::OK, None).await
}

/// The inbox, and why a form of it was not taken.
pub(super) async fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    status: StatusCode,
    problem: Option<String>,
) -> Result<Response, Failure> {
    let Some(Session { token, person, .. }) = &visit.session else {
        return visit.ask_who(site, headers, StatusCode::OK, "/", None).await;
    };
    let now = site.gateway().clock().now();
    let ledger = &visit.parts.ledger;
    ledger.sweep(now).await.map_err(Failure::internal)?;
    let recent = ledger.recent_approvals(RECENT).await.map_err(Failure::internal)?;
    let waits = |status: ApprovalStatus| matches!(status, ApprovalStatus::Pending | ApprovalStatus::Approved);
    let mut waiting = ledger.open_approvals(None).await.map_err(Failure::internal)?;
    waiting.retain(|approval| waits(approval.status));
    // the open ones are the oldest of those that nobody fetched; a new one behind many of them waits too
    for approval in recent.iter().filter(|approval| waits(approval.status)) {
        if !waiting.iter().any(|known| known.id == approval.id) {
            waiting.push(approval.clone());
        }
    }
    waiting.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
    let (mut missed, mut decided): (Vec<_>, Vec<_>) = recent
        .into_iter()
        .filter(|approval| !waits(approval.status))
        .partition(|approval| approval.status == ApprovalStatus::Expired);
    decided.truncate(DECIDED);
    missed.retain(|approval| now.wall.saturating_sub(approval.expires_at) < MISSED_FOR);
    missed.truncate(DECIDED);
    let mut told = Vec::with_capacity(missed.len());
    for approval in &missed {
        told.push(visit.parts.home.told(&approval.id).await.map_err(Failure::internal)?);
    }
    let missed: Vec<_> = missed.into_iter().zip(told).collect();
    let mut often = Vec::with_capacity(waiting.len());
    for approval in waiting {
        let lately = ledger.lately(&approval.id).await.map_err(Failure::internal)?;
        often.push((approval, lately));
    }
    let first = now.wall.div_euclid(A_DAY).saturating_sub(DAYS - 1).saturating_mul(A_DAY);
    let counts = visit.parts.home.by_day(first).await.map_err(Failure::internal)?;
    let asked = LineFilter { agents_only: true, limit: Some(LATELY), ..LineFilter::default() };
    let asked = visit.parts.home.lines(asked).await.map_err(Failure::internal)?;
    let recent = asked.iter().map(|line| LogLine::new(line, now.wall)).collect();
    let locked = visit.parts.home.locked_since().await.map_err(Failure::internal)?;
    let passkeys = visit.parts.home.passkeys(Some(person.clone())).await.map_err(Failure::internal)?;
    let page = InboxPage {
        sign_out: form_token(token, SIGN_OUT),
        lock: form_token(token, LOCK),
        passkey: ByPasskey::new(&passkeys, site.authorities().origin_of(headers), site.origin(), "/"),
        locked: locked.map(|at| When::new(at, now.wall)),
        problem,
        grants: visit
            .snapshot
            .grants
            .iter()
            .filter(|grant| grant.expires_at > now.wall)
            .map(|grant| (grant.id.clone(), grant.text.lines().skip(1).map(visible_source).collect()))
            .collect(),
        inbox: Inbox::new(&often, &missed, &decided, &visit.snapshot, now.wall),
        days: days(&counts, now.wall, DAYS),
        recent,
    };
    let response = visit.page(site, headers, token, status, &page)?;
    Ok(if page.passkey.is_here() { scripted(response) } else { response })
}
