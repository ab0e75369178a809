//! `agentport open`: the approval page in a browser, served while something waits, or for a while to look around. In a home without a factor it is first
//! the page on which one is enrolled.

use std::time::Duration;

use serde_json::json;

use super::{Exit, Failure, Out, browser, call, link, serving::Serving};
use crate::{
    app::App,
    gateway::{Gateway, Parts},
    ledger::ApprovalStatus,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The approval; without it, all that waits
    id: Option<String>,
    /// Serve for so long even while nothing waits
    #[arg(long, value_name = "1h")]
    wait: Option<String>,
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    if let Some(id) = &args.id
        && parts.ledger.approval(id).await?.is_none()
    {
        return Err(Failure::new(format!("there is no approval `{}`", crate::visible::visible(id)))
            .hint("agentport approvals list"));
    }
    let wait = args.wait.as_deref().map(call::wait_for).transpose()?;
    // the link is right once some process of this home hosts the site
    let serving = Serving::start(&gateway).await?;
    let result = attend(app, out, &gateway, &parts, &serving, args.id, wait).await;
    serving.end().await;
    result
}

async fn attend(
    app: &App,
    out: &Out,
    gateway: &Gateway,
    parts: &Parts,
    serving: &Serving,
    id: Option<String>,
    wait: Option<Duration>,
) -> Result<Exit, Failure> {
    let patience = if parts.ledger.factors().await?.is_empty() {
        link::Link::make(app, out, gateway, parts, serving, None, id).await?.used().await?;
        link::stay(out)
    } else {
        show(app, out, serving, id.as_deref());
        if serving.is_ours() && id.is_none() && wait.is_none() && !waits(parts).await? {
            link::linger(out)
        } else {
            // a person needs a moment to read what came of it
            Duration::from_secs(2)
        }
    };
    let patience = wait.map_or(patience, |wait| wait.max(patience));
    let started = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        parts.ledger.sweep(app.clock().now()).await?;
        if !waits(parts).await? && started.elapsed() >= patience {
            return Ok(Exit::Done);
        }
    }
}

async fn waits(parts: &Parts) -> Result<bool, Failure> {
    let open = parts.ledger.open_approvals(None).await?;
    Ok(open.iter().any(|approval| matches!(approval.status, ApprovalStatus::Pending | ApprovalStatus::Approved)))
}

fn show(app: &App, out: &Out, serving: &Serving, id: Option<&str>) {
    let base = serving.base();
    let url = id.map_or_else(|| format!("{base}/"), |id| format!("{base}/approve/{id}"));
    let opened = browser::open(app.environment(), &url);
    out.answer(&json!({"url": url, "opened": opened}), || {
        if opened { format!("opened {url}") } else { format!("open {url}\n{}", serving.tunnel_hint()) }
    });
}
