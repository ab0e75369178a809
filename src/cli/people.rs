//! `agentport people`: who may say yes. The first is the owner, who decides who else there is.

use serde_json::json;

use super::{Exit, Failure, Out, consent::or_on_page, link, prompt, serving::Serving, who};
use crate::{
    app::App,
    approval::{Approver, Claim, PersonId, PersonName},
    clock::rfc3339,
    gateway::{Gateway, Parts, Presented},
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Add a person, with a code of the owner; prints the link by which they enrol their own factor. Again for a new link, as
    /// long as they have none
    Add {
        /// Up to 40 lower-case letters and digits, with `.`, `_` or `-` between them
        name: String,
        /// Take the owner's code as one line of standard input
        #[arg(long)]
        code_stdin: bool,
    },
    /// List who may say yes
    List,
    /// Remove a person with their factors and sessions, with a code of the owner
    Remove {
        /// The person's name
        name: String,
        /// Take the owner's code as one line of standard input
        #[arg(long)]
        code_stdin: bool,
    },
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    match action {
        Action::Add { name, code_stdin } => {
            let name: PersonName = name.parse().map_err(|error| Failure::usage(format!("{error}")))?;
            let serving = Serving::start(&gateway).await?;
            let result = add(app, &gateway, &parts, &serving, out, name, code_stdin).await;
            if result.is_ok() {
                tokio::time::sleep(link::stay(out)).await;
            }
            serving.end().await;
            result
        }
        Action::List => list(&parts, out).await,
        Action::Remove { name, code_stdin } => remove(&gateway, &parts, out, &name, code_stdin).await,
    }
}

async fn add(
    app: &App,
    gateway: &Gateway,
    parts: &Parts,
    serving: &Serving,
    out: &Out,
    name: PersonName,
    code_stdin: bool,
) -> Result<Exit, Failure> {
    // who was added and has enrolled nothing gets another link
    if parts.home.people().await?.iter().any(|person| person.name == name && !person.is_invited()) {
        return Err(Failure::new(format!("there is a person `{name}` already")).hint("agentport people list"));
    }
    let approver = owner(gateway, parts, Claim::AddPerson(name.clone()), code_stdin).await?;
    let token = parts.home.add_person(name.clone(), approver, gateway.clock().now()).await?;
    let token = token.ok_or_else(|| Failure::new("that code was used already; nobody was added"))?;
    let id = link::Link::show(app, out, (gateway, parts), serving, token, Some(&name)).await?.used().await?;
    if out.is_json() {
        out.value(&json!({"status": "active", "person": name, "id": id.0}));
    }
    Ok(Exit::Done)
}

/// The owner, proven.
async fn owner(gateway: &Gateway, parts: &Parts, claim: Claim, code_stdin: bool) -> Result<Approver, Failure> {
    let code = prompt::code("a code of the owner:", code_stdin)?;
    let proven = gateway.prove(parts, claim, &Presented::Code(&PersonId::owner(), &code)).await;
    or_on_page(parts, "/people", proven).await
}

async fn list(parts: &Parts, out: &Out) -> Result<Exit, Failure> {
    let people = parts.home.people().await?;
    let value: Vec<_> = people
        .iter()
        .map(|person| {
            json!({
                "id": person.id,
                "name": person.name,
                "owner": person.id.is_owner(),
                "factors": person.factors,
                "recovery_codes_left": person.recovery_codes,
                "since": (!person.id.is_owner()).then(|| rfc3339(person.since)),
            })
        })
        .collect();
    out.answer(&json!(value), || {
        let line = |person: &crate::approval::Person| {
            let role = if person.id.is_owner() { "owner" } else { "approver" };
            format!(
                "{:<20}  {role:<8}  {} factors, {} recovery codes left",
                visible(person.name.as_str()),
                person.factors,
                person.recovery_codes
            )
        };
        people.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}

async fn remove(gateway: &Gateway, parts: &Parts, out: &Out, name: &str, code_stdin: bool) -> Result<Exit, Failure> {
    let id = who::find(parts, name).await?;
    if id.is_owner() {
        return Err(Failure::new("the owner cannot be removed").hint("agentport factor reset starts over"));
    }
    let approver = owner(gateway, parts, Claim::RemovePerson(id.clone()), code_stdin).await?;
    let factors = gateway.remove_person(parts, id, approver).await?;
    let factors = factors.ok_or_else(|| Failure::new("that code was used already; nobody was removed"))?;
    out.answer(&json!({"removed": name, "factors": factors}), || {
        format!("removed {}; their yes to what still waits no longer counts", visible(name))
    });
    Ok(Exit::Done)
}
