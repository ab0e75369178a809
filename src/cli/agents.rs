//! `agentport agents`: which agents a gateway answers. Letting one in grants access, so that it takes a code of the owner
//! from the first factor on; shutting one out takes none.

use serde_json::json;

use super::{Exit, Failure, Out, prompt};
use crate::{
    app::App,
    approval::{Approver, Claim, PersonId},
    call::Caller,
    clock::{Millis, rfc3339},
    config::{self, parse_duration},
    gateway::{Gateway, Parts, Presented},
    ledger::{
        Reach,
        sqlite::{LetIn, NewAgent, ShutOut},
    },
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Let an agent in; prints its token once
    Add {
        /// Lower-case letters, digits, `-` and `_`; policies name it as `caller`
        name: String,
        /// The integrations that it can reach at most; without this, all that the policy gives
        #[arg(long, value_name = "ID", value_delimiter = ',', num_args = 1..)]
        integrations: Vec<String>,
        /// How long its token is good; without this, until it is revoked
        #[arg(long, value_name = "90d")]
        expires: Option<String>,
        /// A user of this computer: who comes to the gateway's Unix socket as that user is this agent, without a token
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Take the owner's code as one line of standard input
        #[arg(long)]
        code_stdin: bool,
    },
    /// List who was let in
    List,
    /// Give an agent another token; the one before is worth nothing then
    Rotate {
        /// The agent's name
        name: String,
        /// Take the owner's code as one line of standard input
        #[arg(long)]
        code_stdin: bool,
    },
    /// Shut an agent out, and end what of its calls waits
    Revoke {
        /// The agent's name
        name: String,
    },
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    match action {
        Action::Add { name, integrations, expires, user, code_stdin } => {
            let agent = NewAgent {
                name: Caller::parse(&name).map_err(Failure::usage)?,
                reach: reach(&parts, integrations)?,
                expires_at: expires.map(|text| expiry(&text, gateway.clock().now().wall)).transpose()?,
                user: user.map(|user| user_id(&user)).transpose()?,
            };
            if parts.home.agents()?.iter().any(|known| known.name == agent.name) {
                return Err(taken(&agent.name));
            }
            let approver = owner(&gateway, &parts, code_stdin).await?;
            let (name, user) = (agent.name.clone(), agent.user);
            match parts.home.add_agent(agent, approver, gateway.clock().now()).await? {
                LetIn::Token(token) => Ok(show(out, &name, token.as_shown())),
                LetIn::User => {
                    let user = user.map(user_name);
                    out.answer(&json!({"name": name, "user": user}), || {
                        let user = user.clone().unwrap_or_default();
                        format!("{name} is let in: whoever comes to the gateway's socket as user {user}")
                    });
                    Ok(Exit::Done)
                }
                LetIn::Taken(other) => Err(Failure::new(format!("that user is the agent `{other}` already")).hint(
                    "one user is one agent at the socket; let others of the same user in without --user, by a token",
                )),
                LetIn::Name => Err(taken(&name)),
                LetIn::Unproven => Err(Failure::new("that code was used already; nobody was let in")),
            }
        }
        Action::List => list(&parts, out).await,
        Action::Rotate { name, code_stdin } => {
            let name = known(&parts, &name)?;
            let approver = owner(&gateway, &parts, code_stdin).await?;
            match parts.home.rotate_agent(name.clone(), approver, gateway.clock().now()).await? {
                LetIn::Token(token) => Ok(show(out, &name, token.as_shown())),
                LetIn::Name | LetIn::User | LetIn::Taken(_) => Err(nobody(name.as_str())),
                LetIn::Unproven => Err(Failure::new("that code was used already; the token is as it was")),
            }
        }
        Action::Revoke { name } => {
            let name = known(&parts, &name)?;
            // it only tightens: no code is asked for, so that nothing keeps a person at the terminal from it
            match parts.home.revoke_agent(name.clone(), None, gateway.clock().now()).await? {
                ShutOut::Done => {}
                ShutOut::Nobody | ShutOut::Unproven => return Err(nobody(name.as_str())),
            }
            out.answer(&json!({"revoked": name}), || {
                format!("{name} is shut out; what of its calls waited is cancelled")
            });
            Ok(Exit::Done)
        }
    }
}

/// The owner, proven, where there is a factor to prove it with.
async fn owner(gateway: &Gateway, parts: &Parts, code_stdin: bool) -> Result<Option<Approver>, Failure> {
    if parts.ledger.factors().await?.is_empty() {
        return Ok(None);
    }
    let code = prompt::code("a code of the owner:", code_stdin)?;
    Ok(Some(gateway.prove(parts, Claim::Agents, &Presented::Code(&PersonId::owner(), &code)).await?))
}

fn reach(parts: &Parts, integrations: Vec<String>) -> Result<Reach, Failure> {
    if integrations.is_empty() {
        return Ok(Reach::All);
    }
    let snapshot = parts.snapshots.current().map_err(|error| Failure::new(error.to_string()))?;
    for id in &integrations {
        if snapshot.catalog.integration(id).is_none() {
            return Err(Failure::usage(format!("there is no integration `{}`", visible(id)))
                .hint("agentport tools list --all shows what there is"));
        }
    }
    Ok(Reach::Only(integrations.into_iter().collect()))
}

fn expiry(text: &str, now: Millis) -> Result<Millis, Failure> {
    parse_duration(text)
        .filter(|millis| *millis > 0)
        .and_then(|millis| now.checked_add(millis))
        .ok_or_else(|| Failure::usage(format!("`{}` is no duration", visible(text))).hint("for example 12h or 90d"))
}

/// By name, or by number where the user database knows no name.
fn user_id(text: &str) -> Result<u32, Failure> {
    let found = text.parse().ok().or_else(|| config::user_id(text));
    found.ok_or_else(|| Failure::usage(format!("there is no user `{}` on this computer", visible(text))))
}

fn user_name(id: u32) -> String {
    config::user_name(id).unwrap_or_else(|| id.to_string())
}

fn known(parts: &Parts, name: &str) -> Result<Caller, Failure> {
    let agents = parts.home.agents()?;
    agents.into_iter().map(|agent| agent.name).find(|known| known.as_str() == name).ok_or_else(|| nobody(name))
}

fn nobody(name: &str) -> Failure {
    Failure::new(format!("there is no agent `{}`", visible(name))).hint("agentport agents list")
}

fn taken(name: &Caller) -> Failure {
    Failure::new(format!("there is an agent `{name}` already")).hint(format!("agentport agents rotate {name}"))
}

fn show(out: &Out, name: &Caller, token: &str) -> Exit {
    out.answer(&json!({"name": name, "token": token}), || {
        format!("{token}\nthis is the token of {name}; it is shown only now. Give it to the agent as AGENTPORT_TOKEN")
    });
    Exit::Done
}

async fn list(parts: &Parts, out: &Out) -> Result<Exit, Failure> {
    let agents = parts.home.agents()?;
    let used = parts.home.agents_last_used().await?;
    let last = |name: &Caller| used.iter().find(|(known, _)| known == name).and_then(|(_, at)| *at).map(rfc3339);
    let integrations = |reach: &Reach| match reach {
        Reach::All => None,
        Reach::Only(named) => Some(named.iter().cloned().collect::<Vec<_>>()),
    };
    let value: Vec<_> = agents
        .iter()
        .map(|agent| {
            json!({
                "name": agent.name,
                "integrations": integrations(&agent.reach),
                "user": agent.user.map(user_name),
                "created_at": rfc3339(agent.created_at),
                "expires_at": agent.expires_at.map(rfc3339),
                "last_used_at": last(&agent.name),
            })
        })
        .collect();
    out.answer(&json!(value), || {
        let line = |agent: &crate::ledger::Agent| {
            format!(
                "{:<20}  {}{}, {}, {}",
                agent.name,
                agent.user.map(|user| format!("user {}, ", user_name(user))).unwrap_or_default(),
                integrations(&agent.reach).map_or_else(|| "whatever the policy gives".to_owned(), |ids| ids.join(" ")),
                agent.expires_at.map_or_else(|| "until revoked".to_owned(), |at| format!("until {}", rfc3339(at))),
                last(&agent.name).map_or_else(|| "never used".to_owned(), |at| format!("last used {at}")),
            )
        };
        agents.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}
