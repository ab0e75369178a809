//! `agentport lock` and `unlock`: refuse every call at once, and let calls through again.

use serde_json::json;

use super::{Exit, Failure, Out, consent::or_on_page, prompt, who::Who};
use crate::{app::App, approval::Claim, clock::rfc3339, gateway::Presented};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take the code as one line of standard input
    #[arg(long)]
    code_stdin: bool,
    #[command(flatten)]
    who: Who,
}

pub(super) async fn lock(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let person = args.who.id(&parts).await?;
    let code = prompt::code("your code, to refuse every call:", args.code_stdin)?;
    let proven = gateway.prove(&parts, Claim::Lock, &Presented::Code(&person, &code)).await;
    let approver = or_on_page(&parts, "/", proven).await?;
    if !parts.home.lock(approver, app.clock().now()).await? {
        return Err(Failure::new("that code was used already; nothing was locked"));
    }
    out.answer(&json!({"locked": true}), || {
        "locked: what waited is cancelled, and every call is refused. To end it: agentport unlock".to_owned()
    });
    Ok(Exit::Done)
}

pub(super) async fn unlock(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let Some(since) = parts.home.locked_since().await? else {
        out.answer(&json!({"locked": false}), || "it is not locked".to_owned());
        return Ok(Exit::Done);
    };
    let person = args.who.id(&parts).await?;
    let code = prompt::code("your code, to let calls through again:", args.code_stdin)?;
    let proven = gateway.prove(&parts, Claim::Unlock, &Presented::Code(&person, &code)).await;
    let approver = or_on_page(&parts, "/", proven).await?;
    if !parts.home.unlock(approver, app.clock().now()).await? {
        return Err(Failure::new("that code was used already; it is still locked"));
    }
    out.answer(&json!({"locked": false, "since": rfc3339(since)}), || {
        format!("unlocked; it was locked since {}", rfc3339(since))
    });
    Ok(Exit::Done)
}
