//! `agentport demo`: the main job with no account and no set-up.
//!
//! What runs is the real thing: a home with its vault, policy and log (`sandbox`), this very program as the child of a
//! scripted agent that speaks MCP over real stdio (`agent`), and a stand-in for Stripe that counts what reaches it
//! (`standin`). `story` and `deciding` say what happens and check each step against the stand-in's books; `teller` prints it. The
//! folder goes when the story ends, however it ends.

mod agent;
mod deciding;
mod human;
mod sandbox;
mod standin;
mod story;
mod teller;

use serde_json::json;

use self::{sandbox::Sandbox, standin::StandIn, story::Story, teller::Teller};
use super::{Exit, Failure, Out};
use crate::config::Environment;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run by itself: approve as the human would, check every step, exit 0 when all of it behaved
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(out: &Out, args: Args) -> Result<Exit, Failure> {
    let started = std::time::Instant::now();
    let environment = Environment::read();
    let teller = Teller::new(out, &environment);
    let sandbox = Sandbox::make()?;
    let told = tokio::select! {
        told = tell(&sandbox, &teller, &environment, args.yes) => told,
        () = stopped() => Err(Failure::new("stopped before the end of the story")),
    };
    let gone = sandbox.remove();
    let facts = told?;
    gone?;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if out.is_json() {
        out.value(&json!({"ok": true, "milliseconds": millis, "steps": facts}));
    }
    teller.end(millis);
    Ok(Exit::Done)
}

/// Everything that holds a file of the sandbox open lives in here.
async fn tell(
    sandbox: &Sandbox,
    teller: &Teller<'_>,
    environment: &Environment,
    unattended: bool,
) -> Result<serde_json::Value, Failure> {
    let key = standin::fresh_key()?;
    let standin = StandIn::start(&key).await?;
    let (gateway, authenticator) = sandbox.furnish(&key, standin.port()).await?;
    let mut story = Story::new(sandbox, teller, environment, &standin, gateway, authenticator, unattended);
    story.tell(&key).await?;
    Ok(story.facts())
}

/// Ctrl-C, and what else ends a program at a terminal: the sandbox has to go all the same.
#[cfg(unix)]
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stopped() {
    drop(tokio::signal::ctrl_c().await);
}
