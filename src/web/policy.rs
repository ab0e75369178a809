//! `/policy`: what is in force and where it stands, and what it says of a call that is only supposed. Editing it is for an
//! editor on this computer, applying an edit is `applying`'s.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Site,
    failure::Failure,
    pages::{SIGN_OUT, Visit},
    session::{Session, check_form_token, form_token},
    view::{AccountLines, ExplainedView, SourceLine, by_account, edits, source},
};
use crate::{
    call::Caller,
    files,
    gateway::{ExplainError, Supposed},
    ledger::sqlite::policy_digest,
    policy::{BUILT_IN, Pinned},
    visible::{visible, visible_source},
};

/// What the token of its form is for.
const EXPLAIN: &str = "policy/explain";
/// Who calls where nobody is named: whom no rule names.
const ANYBODY: &str = "local";

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    sign_out: String,
    csrf: String,
    form: ExplainForm,
    problem: Option<String>,
    explained: Option<ExplainedView>,
    /// That the account asked about is not there.
    absent: Option<String>,
    /// The names of tools that can be called.
    names: Vec<String>,
    accounts: Vec<AccountLines>,
    digest: String,
    pinned: Vec<SourceLine>,
    built_in: Vec<SourceLine>,
    /// What root says on this computer, where it says something.
    system: Vec<SourceLine>,
    /// What `policy.toml` says and what is not applied.
    unapplied: Vec<(char, String)>,
    /// What is wrong with the files.
    problems: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainForm {
    csrf: String,
    tool: String,
    #[serde(default)]
    arguments: String,
    #[serde(default, rename = "caller")]
    asker: String,
    #[serde(default)]
    account: String,
}

/// `GET /policy`
pub(super) async fn show(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/policy", None).await;
    };
    let account = usual(visit.snapshot.accounts.iter().map(|account| account.name.as_str())).to_owned();
    let form = ExplainForm { asker: ANYBODY.to_owned(), account, ..ExplainForm::default() };
    page(&site, &headers, &visit, session, form, (StatusCode::OK, None, None))
}

/// The account that is asked about if nobody names one: where all have one name that one, else `default`.
fn usual<'a>(mut names: impl Iterator<Item = &'a str>) -> &'a str {
    let first = names.next();
    first.filter(|first| names.all(|name| name == *first)).unwrap_or("default")
}

/// `POST /policy`: a form and no address, so that what is supposed stands in no history.
pub(super) async fn explain(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    form: Result<Form<ExplainForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/policy", None).await;
    };
    check_form_token(&session.token, EXPLAIN, &form.csrf)?;
    let end = match answer(&site, &visit, &form).await {
        Ok(explained) => (StatusCode::OK, None, Some(explained)),
        Err(Refused::Form(problem)) => (StatusCode::UNPROCESSABLE_ENTITY, Some(problem), None),
        Err(Refused::Inside(failure)) => return Err(failure),
    };
    page(&site, &headers, &visit, session, form, end)
}

enum Refused {
    Form(String),
    Inside(Failure),
}

async fn answer(site: &Site, visit: &Visit, form: &ExplainForm) -> Result<ExplainedView, Refused> {
    let caller = Caller::parse(form.asker.trim()).map_err(Refused::Form)?;
    let arguments = match form.arguments.trim() {
        "" => None,
        text => {
            let read = serde_json::from_str::<Map<String, Value>>(text);
            let problem = |error| format!("the arguments are no JSON object: {}", visible(&format!("{error}")));
            Some(read.map_err(|error| Refused::Form(problem(error)))?)
        }
    };
    let supposed = Supposed {
        tool: form.tool.trim(),
        arguments: arguments.as_ref(),
        facts: None,
        caller: &caller,
        account: Some(form.account.trim()).filter(|name| !name.is_empty()),
        environment: None,
    };
    match site.gateway().explain(&visit.parts, &visit.snapshot, &supposed).await {
        Ok(explained) => Ok(ExplainedView::new(&explained)),
        Err(ExplainError::NoTool { closest }) => {
            let nearest = closest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            Err(Refused::Form(format!("there is no tool `{}`{nearest}", visible(form.tool.trim()))))
        }
        Err(error @ ExplainError::Arguments { .. }) => Err(Refused::Form(visible(&error.to_string()))),
        Err(ExplainError::Ledger(error)) => Err(Refused::Inside(Failure::internal(error))),
    }
}

fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    form: ExplainForm,
    (status, problem, explained): (StatusCode, Option<String>, Option<ExplainedView>),
) -> Result<Response, Failure> {
    let now = site.gateway().clock().now().wall;
    let Pinned { text: pinned, .. } = visit
        .parts
        .home
        .pinned()
        .map_err(Failure::internal)?
        .ok_or_else(|| Failure::internal("no policy is pinned"))?;
    // a file that cannot be read is among the problems
    let edited = files::read_guarded(&visit.parts.snapshots.home().policy()).ok().flatten();
    let snapshot = &visit.snapshot;
    let account = form.account.trim();
    let absent = explained.as_ref().and_then(|explained| {
        let tool = snapshot.catalog.tools().find(|tool| tool.policy_name() == explained.tool)?;
        let there = snapshot.account(&tool.integration.id, account).is_some();
        let service = &tool.integration.title;
        (!there).then(|| format!("{service} has no account `{}` here; this is of one that would be.", visible(account)))
    });
    let anybody = Caller::parse(ANYBODY).map_err(Failure::internal)?;
    let page = PolicyPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        csrf: form_token(&session.token, EXPLAIN),
        form,
        problem,
        explained,
        absent,
        names: snapshot
            .catalog
            .tools()
            .filter(|tool| snapshot.accounts.iter().any(|account| account.integration == tool.integration.id))
            .map(|tool| tool.policy_name())
            .collect(),
        accounts: by_account(snapshot, &anybody, now),
        digest: policy_digest(&pinned).to_string(),
        unapplied: edited.filter(|_| snapshot.unapplied).map(|edited| edits(&pinned, &edited)).unwrap_or_default(),
        pinned: source(&pinned),
        built_in: source(BUILT_IN),
        system: snapshot.system_policy.text().map(source).unwrap_or_default(),
        problems: snapshot
            .problems
            .iter()
            .map(|problem| problem.to_string().lines().map(visible_source).collect::<Vec<_>>().join("\n"))
            .collect(),
    };
    visit.page(site, headers, &session.token, status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_account_is_asked_about() {
        assert_eq!(usual(["main"].into_iter()), "main");
        assert_eq!(usual(["shop", "shop"].into_iter()), "shop");
        assert_eq!(usual(["shop", "other"].into_iter()), "default");
        assert_eq!(usual([].into_iter()), "default");
    }
}
