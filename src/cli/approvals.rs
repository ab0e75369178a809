//! `agentport approvals`: what waits for a human, decided at the terminal. `described` is how one looks there,
//! `watch` the inbox, live.

mod described;
mod watch;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::described::{described, explained, full, listed, short, yeses};
use super::{Exit, Failure, Out, call, prompt, who::Who};
use crate::{
    app::App,
    call::Caller,
    gateway::{DecideError, Parts, Presented, Said},
    ledger::{Approval, Outcome},
    reply::Reply,
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// What waits, and what ended lately
    List,
    /// One approval in full: what would be sent, to whom, and why it was asked
    Show {
        /// `apr_…`
        id: String,
    },
    /// The inbox, live: shows what waits as it comes, and takes your answers
    Watch {
        #[command(flatten)]
        who: Who,
    },
    /// Wait for the answer and the outcome
    Await {
        /// `apr_…`
        id: String,
        /// For how long
        #[arg(long, value_name = "5m", default_value = "5m")]
        wait: String,
    },
    /// Approve it with a code, which sends it at once
    Approve {
        /// `apr_…`
        id: String,
        /// Take the code as one line of standard input
        #[arg(long)]
        code_stdin: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Deny it; needs no code
    Deny {
        /// `apr_…`
        id: String,
        /// A word for the agent
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Let a denied call be asked again
    Reopen {
        /// `apr_…`
        id: String,
    },
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    parts.ledger.sweep(app.clock().now()).await?;
    let find = async |id: &str| -> Result<Approval, Failure> {
        parts.ledger.approval(id).await?.ok_or_else(|| {
            Failure::new(format!("there is no approval `{}`", visible(id))).hint("agentport approvals list")
        })
    };
    match action {
        Action::List => {
            let approvals = parts.ledger.recent_approvals(50).await?;
            out.answer(&json!(approvals.iter().map(short).collect::<Vec<_>>()), || listed(&approvals));
            Ok(Exit::Done)
        }
        Action::Show { id } => {
            let kept = find(&id).await?;
            // what the page would show: what is missing or old of the facts is looked up
            let (approval, why_not) = match gateway.fresh(kept.clone()).await {
                Ok(approval) => (approval, None),
                Err(error) => (kept, Some(error.to_string())),
            };
            let said = explained(&parts, &approval);
            let mut value = full(&approval, &said);
            if let (Value::Object(map), Some(why)) = (&mut value, &why_not) {
                map.insert("not_looked_up".to_owned(), json!(why));
            }
            out.answer(&value, || {
                let why = why_not.map(|why| format!("\n  not looked up just now: {}", visible(&why)));
                described(&approval, &said) + &why.unwrap_or_default()
            });
            Ok(Exit::Done)
        }
        Action::Watch { who } => {
            let person = who.id(&parts).await?;
            watch::run(app, out, Arc::clone(&gateway), Arc::clone(&parts), person).await
        }
        Action::Await { id, wait } => {
            let approval = find(&id).await?;
            let caller = Caller::try_from(approval.caller).map_err(Failure::new)?;
            let wait = call::wait_for(&wait)?;
            let reply = gateway.await_approval(&caller, Some(&id), wait, &CancellationToken::new()).await;
            call::show(&gateway, out, &reply).await
        }
        Action::Approve { id, code_stdin, who } => {
            let approval = find(&id).await?;
            let person = who.id(&parts).await?;
            let approval = if out.is_json() || code_stdin { approval } else { gateway.fresh(approval).await? };
            if !out.is_json() && !code_stdin {
                out.text(&described(&approval, &explained(&parts, &approval)));
            }
            let code = prompt::code("your code, to send exactly this:", code_stdin)?;
            let page = page_of(&parts, &id);
            let said = gateway.approve(&id, &Presented::Code(&person, &code)).await.map_err(|error| match &error {
                DecideError::TooWeak => {
                    Failure::from(error).hint(page.clone().unwrap_or_else(|| "agentport open".to_owned()))
                }
                _ => error.into(),
            });
            let outcome = match said? {
                Said::Sent(outcome) => outcome,
                Said::OneMore(approval) => {
                    let value = full(&approval, &explained(&parts, &approval));
                    out.answer(&value, || {
                        let page = page.map(|page| format!("\nthe next one is said at {page}")).unwrap_or_default();
                        format!("your yes is recorded; nothing was sent\n{}{page}", yeses(&approval))
                    });
                    return Ok(Exit::Waiting);
                }
            };
            let succeeded = matches!(outcome, Outcome::Succeeded { .. });
            let reply = Reply::Completed { outcome, record: approval.record, replayed: None, pruned: false };
            let value = reply.to_json();
            out.answer(&value, || {
                format!("approved and sent\n{}", serde_json::to_string_pretty(&value).unwrap_or_default())
            });
            Ok(if succeeded { Exit::Done } else { Exit::Failed })
        }
        Action::Deny { id, note } => {
            find(&id).await?;
            gateway.deny(&id, note).await?;
            out.answer(&json!({"id": id, "status": "denied"}), || "denied; nothing was sent".to_owned());
            Ok(Exit::Done)
        }
        Action::Reopen { id } => match gateway.reopen(&id).await {
            Ok(()) => {
                out.answer(&json!({"id": id, "reopened": true}), || "the same call may be asked again".to_owned());
                Ok(Exit::Done)
            }
            Err(DecideError::NotFound) => {
                Err(Failure::new("there is no denial of this id that stands").hint("agentport approvals list"))
            }
            Err(error) => Err(error.into()),
        },
    }
}

/// Where a person decides in the browser.
fn page_of(parts: &Parts, id: &str) -> Option<String> {
    parts.snapshots.current().ok()?.page(&format!("/approve/{id}"))
}
