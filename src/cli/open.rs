//! `agentport open`: the approval page in a browser, served while something waits.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, Out, browser, call};
use crate::{app::App, web};

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
    let stop = CancellationToken::new();
    let site = tokio::spawn(web::host(std::sync::Arc::clone(&gateway), stop.clone()));
    // the link is right once some process of this home hosts the site
    let base = web::hosted(&gateway).await.ok_or_else(|| {
        Failure::new("the approval site could not be served: its ports are taken by other programs")
            .hint("free one, or set `listen` in agentport.toml; `agentport approvals approve` works on the terminal meanwhile")
    })?;
    let url = args.id.as_ref().map_or_else(|| format!("{base}/"), |id| format!("{base}/approve/{id}"));
    let opened = browser::open(app.environment(), &url);
    let port = base.rsplit(':').next().unwrap_or_default();
    out.answer(&json!({"url": url, "opened": opened}), || {
        if opened {
            format!("opened {url}")
        } else {
            format!("open {url}\nfrom another machine first: ssh -L {port}:localhost:{port} <this machine>")
        }
    });
    let started = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        parts.ledger.sweep(app.clock().now()).await?;
        let waits = parts.ledger.open_approvals(None).await?.iter().any(|approval| {
            matches!(approval.status, crate::ledger::ApprovalStatus::Pending | crate::ledger::ApprovalStatus::Approved)
        });
        let patient = wait.is_some_and(|wait| started.elapsed() < wait);
        // a person needs a moment to read what came of it
        let lingers = started.elapsed() < std::time::Duration::from_secs(2);
        if !waits && !patient && !lingers {
            break;
        }
    }
    stop.cancel();
    gateway.drain(std::time::Duration::from_secs(30)).await;
    drop(site.await);
    Ok(Exit::Done)
}
