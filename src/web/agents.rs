//! `/agents`: who was let in over the gateway, and shutting one out. Letting one in is the terminal's: its token is shown
//! once, to whoever sets the agent up.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use super::{
    Site,
    failure::Failure,
    pages::see_other,
    proof::{Proof, Refused, prove},
    view::{AgentView, ByPasskey},
    visitor::{Asking, Factor, Visitor},
};
use crate::{
    approval::Claim,
    call::Caller,
    gateway::ProveError,
    ledger::{Agent, sqlite::ShutOut},
};

#[derive(Template)]
#[template(path = "agents.html")]
struct AgentsPage {
    sign_out: String,
    agents: Vec<AgentView>,
}

#[derive(Template)]
#[template(path = "agent.html")]
struct AgentPage {
    sign_out: String,
    csrf: String,
    agent: AgentView,
    passkey: ByPasskey,
    problem: Option<String>,
}

/// `GET /agents`
pub(super) async fn list(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    let visitor = Visitor::open(&site, &headers, "/agents").await?;
    let agents = views(&site, &visitor).await?.into_iter().map(|(_, view)| view).collect();
    let page = AgentsPage { sign_out: visitor.sign_out(), agents };
    visitor.page(&site, &headers, StatusCode::OK, false, &page)
}

/// `GET /agents/{name}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let name = name_in(uri.path())?;
    let visitor = Visitor::open(&site, &headers, "/agents").await?;
    page(&site, &headers, &visitor, &name, (StatusCode::OK, None)).await
}

/// `POST /agents/{name}`: shuts it out. It takes a factor here: an agent that is shut out by mistake, or by whoever has a
/// session only, has to be set up anew.
pub(super) async fn revoke(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Factor>, FormRejection>,
) -> Result<Response, Failure> {
    let name = name_in(uri.path())?;
    let (visitor, form) = Visitor::posting(&site, &headers, form, &purpose(&name), "/agents").await?;
    match shut_out(&site, &visitor, &name, &form).await {
        Ok(()) => Ok(see_other("/agents")),
        Err(Refused::Inside(failure)) => Err(failure),
        Err(Refused::Form(status, problem)) => page(&site, &headers, &visitor, &name, (status, Some(problem))).await,
    }
}

async fn shut_out(site: &Site, visitor: &Visitor, name: &Caller, form: &Factor) -> Result<(), Refused> {
    let shown = Proof::read(&form.code, &form.passkey).map_err(Refused::form)?;
    let approver = prove(site, visitor, Claim::ShutOut(name.as_str().to_owned()), &shown).await?;
    let now = site.gateway().clock().now();
    match visitor.visit.parts.home.revoke_agent(name.clone(), Some(approver), now).await {
        Ok(ShutOut::Done) => Ok(()),
        Ok(ShutOut::Nobody) => Err(Refused::Inside(Failure::NotFound)),
        Ok(ShutOut::Unproven) => Err(Refused::form(ProveError::Used)),
        Err(error) => Err(Refused::inside(error)),
    }
}

/// `POST /agents/{name}/challenge`: for shutting out this one.
pub(super) async fn for_revoke(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    let name = name_in(uri.path().strip_suffix("/challenge").ok_or(Failure::NotFound)?)?;
    let (visitor, _) = Visitor::asking(&site, &headers, form, &purpose(&name)).await?;
    visitor.challenge(&site, Claim::ShutOut(name.as_str().to_owned())).await
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visitor: &Visitor,
    name: &Caller,
    (status, problem): (StatusCode, Option<String>),
) -> Result<Response, Failure> {
    let found = views(site, visitor).await?.into_iter().find(|(agent, _)| agent.name == *name);
    let (_, agent) = found.ok_or(Failure::NotFound)?;
    let page = AgentPage {
        sign_out: visitor.sign_out(),
        csrf: visitor.form_token(&purpose(name)),
        passkey: visitor.passkey(site, headers, &format!("/agents/{name}")).await?,
        agent,
        problem,
    };
    visitor.page(site, headers, status, page.passkey.is_here(), &page)
}

async fn views(site: &Site, visitor: &Visitor) -> Result<Vec<(Agent, AgentView)>, Failure> {
    let now = site.gateway().clock().now().wall;
    let agents = visitor.visit.parts.home.agents().map_err(Failure::internal)?;
    let used = visitor.visit.parts.home.agents_last_used().await.map_err(Failure::internal)?;
    let last = |agent: &Agent| used.iter().find(|(name, _)| *name == agent.name).and_then(|(_, at)| *at);
    Ok(agents
        .into_iter()
        .map(|agent| {
            let view = AgentView::new(&agent, last(&agent), now);
            (agent, view)
        })
        .collect())
}

/// What the token of an agent's form is for.
fn purpose(name: &Caller) -> String {
    format!("agents/{name}")
}

/// The name in the path, of the one spelling that names have: nothing is decoded.
fn name_in(path: &str) -> Result<Caller, Failure> {
    let name = path.strip_prefix("/agents/").ok_or(Failure::NotFound)?;
    Caller::parse(name).map_err(|_| Failure::NotFound)
}
