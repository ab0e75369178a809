//! `/agents`: who was let in over the gateway, and shutting one out. Letting one in is the terminal's: its token is shown
//! once, to whoever sets the agent up.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    Site,
    failure::Failure,
    pages::{SIGN_OUT, Visit, refused, scripted, see_other},
    passkey::challenge,
    proof::Proof,
    session::{Session, check_form_token, form_token},
    view::{AgentView, ByPasskey},
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
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/agents", None).await;
    };
    let agents = views(&site, &visit).await?.into_iter().map(|(_, view)| view).collect();
    let page = AgentsPage { sign_out: form_token(&session.token, SIGN_OUT), agents };
    visit.page(&site, &headers, &session.token, StatusCode::OK, &page)
}

/// `GET /agents/{name}`
pub(super) async fn show(State(site): State<Arc<Site>>, uri: Uri, headers: HeaderMap) -> Result<Response, Failure> {
    let name = name_of(&uri)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::OK, "/agents", None).await;
    };
    page(&site, &headers, &visit, session, &name, (StatusCode::OK, None)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeForm {
    csrf: String,
    #[serde(default)]
    code: String,
    /// What a passkey signed, instead of a code.
    #[serde(default)]
    passkey: String,
}

/// `POST /agents/{name}`: shuts it out. It takes a factor here: an agent that is shut out by mistake, or by whoever has a
/// session only, has to be set up anew.
pub(super) async fn revoke(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<RevokeForm>, FormRejection>,
) -> Result<Response, Failure> {
    let name = name_of(&uri)?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else {
        return visit.ask_who(&site, &headers, StatusCode::UNAUTHORIZED, "/agents", None).await;
    };
    check_form_token(&session.token, &purpose(&name), &form.csrf)?;
    let refuse =
        async |status, problem: String| page(&site, &headers, &visit, session, &name, (status, Some(problem))).await;
    let proof = match Proof::read(&form.code, &form.passkey) {
        Ok(proof) => proof,
        Err(problem) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, problem).await,
    };
    let claim = Claim::ShutOut(name.as_str().to_owned());
    let approver =
        match site.gateway().prove(&visit.parts, claim, &proof.presented(site.origin(), &session.person)).await {
            Ok(approver) => approver,
            Err(ProveError::Ledger(error)) => return Err(Failure::internal(error)),
            Err(error) => return refuse(refused(&error), error.to_string()).await,
        };
    let now = site.gateway().clock().now();
    let ended = visit.parts.home.revoke_agent(name.clone(), Some(approver), now).await.map_err(Failure::internal)?;
    match ended {
        ShutOut::Done => Ok(see_other("/agents")),
        ShutOut::Nobody => Err(Failure::NotFound),
        ShutOut::Unproven => refuse(StatusCode::UNPROCESSABLE_ENTITY, ProveError::Used.to_string()).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asking {
    csrf: String,
}

/// `POST /agents/{name}/challenge`: for shutting out this one.
pub(super) async fn for_revoke(
    State(site): State<Arc<Site>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<Asking>, FormRejection>,
) -> Result<Response, Failure> {
    let path = uri.path().strip_suffix("/challenge").ok_or(Failure::NotFound)?;
    let name = name_in(path)?;
    let Form(form) = form.map_err(|_| Failure::BadForm)?;
    let visit = Visit::open(&site, &headers).await?;
    let Some(session) = &visit.session else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    check_form_token(&session.token, &purpose(&name), &form.csrf)?;
    let claim = Claim::ShutOut(name.as_str().to_owned());
    challenge(&site, &visit.parts, claim, Some(session.person.clone())).await
}

async fn page(
    site: &Site,
    headers: &HeaderMap,
    visit: &Visit,
    session: &Session,
    name: &Caller,
    (status, problem): (StatusCode, Option<String>),
) -> Result<Response, Failure> {
    let found = views(site, visit).await?.into_iter().find(|(agent, _)| agent.name == *name);
    let (_, agent) = found.ok_or(Failure::NotFound)?;
    let passkeys = visit.parts.home.passkeys(Some(session.person.clone())).await.map_err(Failure::internal)?;
    let here = site.authorities().origin_of(headers);
    let page = AgentPage {
        sign_out: form_token(&session.token, SIGN_OUT),
        csrf: form_token(&session.token, &purpose(name)),
        passkey: ByPasskey::new(&passkeys, here, site.origin(), &format!("/agents/{name}")),
        agent,
        problem,
    };
    let response = visit.page(site, headers, &session.token, status, &page)?;
    Ok(if page.passkey.is_here() { scripted(response) } else { response })
}

async fn views(site: &Site, visit: &Visit) -> Result<Vec<(Agent, AgentView)>, Failure> {
    let now = site.gateway().clock().now().wall;
    let agents = visit.parts.home.agents().map_err(Failure::internal)?;
    let used = visit.parts.home.agents_last_used().await.map_err(Failure::internal)?;
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

fn name_of(uri: &Uri) -> Result<Caller, Failure> {
    name_in(uri.path())
}

/// The name in the path, of the one spelling that names have: nothing is decoded.
fn name_in(path: &str) -> Result<Caller, Failure> {
    let name = path.strip_prefix("/agents/").ok_or(Failure::NotFound)?;
    Caller::parse(name).map_err(|_| Failure::NotFound)
}
