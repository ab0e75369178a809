//! The inbox, signing in and out, and what is on no page.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    lock::LOCK,
    login,
    passkey::Scripted,
    proof::Proof,
    session::{self, Session, check_form_token, form_token},
    view::{A_DAY, ByPasskey, Day, Inbox, LogLine, When, days},
};
use crate::{
    approval::{Claim, PersonId},
    call::Caller,
    clock::Millis,
    gateway::{Parts, Presented, ProveError},
    ledger::{ApprovalStatus, LineFilter, sqlite::SessionToken},
    snapshot::Snapshot,
    visible::visible_source,
};

/// How many days the overview counts, today among them.
const DAYS: i64 = 7;
/// How many of the last calls it shows, and how far back it looks for them.
const LATELY: usize = 3;
const AMONG: u32 = 40;
/// How many decided approvals the inbox shows.
const DECIDED: usize = 20;
/// How long what nobody decided is shown as missed.
const MISSED_FOR: Millis = 7 * 24 * 60 * 60 * 1000;
/// Enough to find so many decided ones among all that may wait.
const RECENT: u32 = 200;
pub(super) const SIGN_OUT: &str = "logout";

/// The open home at one request.
pub(super) struct Visit {
    pub(super) parts: Arc<Parts>,
    pub(super) snapshot: Arc<Snapshot>,
    /// The session that the browser has.
    pub(super) session: Option<Session>,
    /// May a code alone sign in, as far as that is known?
    codes: bool,
}

impl Visit {
    /// Opens the home and looks whose browser this is.
    pub(super) async fn open(site: &Site, headers: &HeaderMap) -> Result<Self, Failure> {
        let parts = site.gateway().open_parts().map_err(Failure::internal)?;
        let snapshot = parts.snapshots.current().map_err(Failure::internal)?;
        let session = session::find(site, &parts, headers, snapshot.settings.session).await?;
        Ok(Self { parts, snapshot, session, codes: login::is_named_here(site) })
    }

    /// The form that asks who this is. It says nothing about what lies behind it.
    pub(super) async fn ask_who(
        &self,
        site: &Site,
        headers: &HeaderMap,
        status: StatusCode,
        next: &str,
        problem: Option<String>,
    ) -> Result<Response, Failure> {
        let people = self.parts.home.people().await.map_err(Failure::internal)?;
        let passkeys = self.parts.home.passkeys(None).await.map_err(Failure::internal)?;
        let factors = self.parts.ledger.factors().await.map_err(Failure::internal)?;
        let passkey = ByPasskey::new(&passkeys, site.authorities().origin_of(headers), site.origin(), next);
        let apps = factors.iter().any(|factor| factor.kind == "totp");
        let page = SignInPage { next, problem, named: people.len() > 1, passkey, apps, codes: self.codes };
        let response = html(status, &page)?;
        Ok(if page.passkey.is_here() { scripted(response) } else { response })
    }

    /// A page for who is signed in; the cookie's life begins anew.
    pub(super) fn page(
        &self,
        site: &Site,
        headers: &HeaderMap,
        token: &SessionToken,
        status: StatusCode,
        page: &impl Template,
    ) -> Result<Response, Failure> {
        let mut response = html(status, page)?;
        let cookie = session::cookie(site, &self.parts, headers).set(token, self.snapshot.settings.session);
        response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        Ok(response)
    }
}

/// A template as an answer.
pub(super) fn html(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    let text = page.render().map_err(Failure::internal)?;
    Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// The page may run the site's script: a passkey can be used on it.
pub(super) fn scripted(mut response: Response) -> Response {
    response.extensions_mut().insert(Scripted);
    response
}

/// After a form: the browser loads the page anew, so that going back or reloading sends nothing twice.
pub(super) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(error) => Failure::internal(error).into_response(),
    }
}

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

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    next: &'a str,
    problem: Option<String>,
    /// Are there several people, so that a code has to say whose it is?
    named: bool,
    passkey: ByPasskey,
    /// Has anybody an app?
    apps: bool,
    /// May a code alone sign in here?
    codes: bool,
}

/// `GET /`
pub(super) async fn inbox(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visit = Visit::open(&site, &headers).await?;
    inbox_page(&site, &headers, &visit, StatusCode::OK, None).await
}

/// The inbox, and why a form of it was not taken.
pub(super) async fn inbox_page(
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
    let lines = LineFilter { limit: Some(AMONG), ..LineFilter::default() };
    let lines = visit.parts.home.lines(lines).await.map_err(Failure::internal)?;
    let asked = lines.iter().filter(|line| line.kind == "call" && line.caller != Caller::AGENTPORT);
    let recent = asked.take(LATELY).map(|line| LogLine::new(line, now.wall)).collect();
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
        inbox: Inbox::new(&often, &missed, &decided, now.wall),
        days: days(&counts, now.wall, DAYS),
        recent,
    };
    let response = visit.page(site, headers, token, status, &page)?;
    Ok(if page.passkey.is_here() { scripted(response) } else { response })
}

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /login`
pub(super) async fn sign_in_form(
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
    // a name that nobody has is asked for a code that nobody has: the answer says no more than that it is wrong
    let person = named(parts, &form.name).await?;
    let presented = match (&proof, &person) {
        (Proof::Code(_), None) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, ProveError::Wrong.to_string()).await,
        (Proof::Code(code), Some(person)) => Presented::Code(person, code),
        // a passkey says by itself whose it is
        (Proof::Passkey(assertion), _) => Presented::Passkey { assertion, origin: site.origin(), of: None },
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
        Err(error) => return refuse(refused(&error), error.to_string()).await,
    };
    session::begin(&site, parts, &headers, &token, snapshot.settings.session, next).await
}

/// Whose code it is: of the one person there is, or of who is named.
async fn named(parts: &Parts, name: &str) -> Result<Option<PersonId>, Failure> {
    let people = parts.home.people().await.map_err(Failure::internal)?;
    if let [only] = people.as_slice() {
        return Ok(Some(only.id.clone()));
    }
    let name = name.trim().to_lowercase();
    Ok(people.into_iter().find(|person| person.name.as_str() == name).map(|person| person.id))
}

/// The status of a code that proved nobody.
pub(super) fn refused(error: &ProveError) -> StatusCode {
    match error {
        ProveError::Wrong | ProveError::Used | ProveError::Passkey(_) => StatusCode::UNPROCESSABLE_ENTITY,
        ProveError::Locked(_) => StatusCode::TOO_MANY_REQUESTS,
        ProveError::NotEnrolled | ProveError::Store(_) | ProveError::Ledger(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
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
        let clear = session::cookie(&site, &visit.parts, &headers).clear();
        response.headers_mut().extend(clear.map(|cookie| (header::SET_COOKIE, cookie)));
    }
    Ok(response)
}

/// `GET /style.css`
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("templates/style.css")).into_response()
}

/// Everything else.
pub(super) async fn nothing() -> Failure {
    Failure::NotFound
}

/// A route with a method that it does not take.
pub(super) async fn wrong_method() -> Failure {
    Failure::WrongMethod
}

/// The pages that stand in the list of pages.
const PAGES: [&str; 5] = ["/log", "/accounts", "/agents", "/policy", "/people"];

/// Where to go after signing in: a page of ours, whatever the form says.
fn local(next: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=&._-".contains(&byte);
    let known = next.strip_prefix("/approve/").is_some_and(is_id)
        || PAGES.contains(&next)
        || next.strip_prefix("/people/change?").is_some_and(|asked| asked.len() <= 200 && asked.bytes().all(plain));
    if known { next } else { "/" }
}

/// Has this the shape of an approval's id?
pub(super) fn is_id(text: &str) -> bool {
    let random = text.strip_prefix("apr_");
    random.is_some_and(|random| {
        (1..=64).contains(&random.len()) && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
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
