//! `agentport login`: a link that signs a browser in, once. Where a code alone does not, as beyond the gateway's own
//! computer, this and a passkey are what does. No factor is asked for: who runs this can read all that a session shows, and
//! a session approves nothing.

use std::time::Duration;

use serde_json::json;

use super::{Exit, Failure, Out, serving::Serving, who};
use crate::{
    app::App,
    clock::rfc3339,
    gateway::{Gateway, Parts},
    ledger::sqlite::SignInToken,
    visible::visible,
};

/// How often we look whether the link was used.
const LOOK: Duration = Duration::from_millis(500);
/// Enough for the page that follows, with its style.
const MOMENT: Duration = Duration::from_secs(2);
/// To look around, where nothing else serves the site.
const LINGER: Duration = Duration::from_mins(5);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose session it opens
    #[arg(long, value_name = "NAME", default_value = "owner")]
    person: String,
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let person = who::find(&parts, &args.person).await?;
    // the link is right once some process of this home hosts the site
    let serving = Serving::start(&gateway).await?;
    let result = match parts.home.open_sign_in_link(person, gateway.clock().now()).await? {
        Some(token) => show(out, &gateway, &parts, &serving, &token).await,
        None => Err(Failure::new("nothing is enrolled for this person, so that there is nothing to sign in for")
            .hint("agentport open enrols the owner, agentport people add somebody else")),
    };
    serving.end().await;
    result
}

async fn show(
    out: &Out,
    gateway: &Gateway,
    parts: &Parts,
    serving: &Serving,
    token: &SignInToken,
) -> Result<Exit, Failure> {
    let now = gateway.clock().now();
    let link = parts.home.sign_in_link(token, now).await?.ok_or_else(ended)?;
    let url = format!("{}/login/{}", serving.base(), token.as_link());
    out.answer(&json!({"url": url, "person": link.name, "expires_at": rfc3339(link.expires_at)}), || {
        format!(
            "to sign a browser in as {}, open this address in it:\n{url}\nIt works once, for 15 minutes. Show it to nobody: \
             whoever uses it reads and denies in that name.",
            visible(&link.name)
        )
    });
    if serving.by_a_gateway()? {
        return Ok(Exit::Done);
    }
    // without a gateway the site may be ours alone
    while parts.home.sign_in_link(token, gateway.clock().now()).await?.is_some() {
        tokio::time::sleep(LOOK).await;
    }
    if gateway.clock().now().wall >= link.expires_at {
        return Err(ended());
    }
    if !out.is_json() {
        out.text("the link is used up. The site stays for five more minutes; Ctrl-C ends it sooner");
    }
    tokio::time::sleep(if out.is_json() { MOMENT } else { LINGER }).await;
    Ok(Exit::Done)
}

fn ended() -> Failure {
    Failure::new("the link has ended: its time is over, or a newer one was made").hint("agentport login makes another")
}
