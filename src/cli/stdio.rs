//! `agentport stdio`: the MCP server that an agent host starts.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, shim};
use crate::{app::App, call::Caller, mcp, web};

#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// The caller to whom approvals and outcomes belong, across restarts
    #[arg(long = "as", value_name = "NAME", default_value = "local")]
    name: Option<String>,
}

/// How long running sends may take after the end of input, and after a SIGTERM.
const AFTER_END: Duration = Duration::from_secs(30);
const AFTER_SIGNAL: Duration = Duration::from_secs(2);
/// How long a message that is on its way to a person may take then.
const TELLING: Duration = Duration::from_secs(10);

pub(super) async fn run(app: &App, args: Args) -> Result<Exit, Failure> {
    let caller = Caller::parse(args.name.as_deref().unwrap_or("local")).map_err(Failure::usage)?;
    if app.environment().gateway_url().is_some() {
        return shim::run(app.environment()).await;
    }
    let (input, output) = mcp::take_stdio()?;
    let gateway = app.gateway();
    let stop = CancellationToken::new();
    let site = tokio::spawn(web::host(Arc::clone(&gateway), stop.clone()));
    let watch = tokio::spawn(Arc::clone(&gateway).watch(caller.clone()));
    let telling = tokio::spawn(Arc::clone(&gateway).tell(stop.clone()));
    let served = tokio::select! {
        served = mcp::serve(Arc::clone(&gateway), caller, input, output) => Some(served),
        () = terminated() => None,
    };
    let patience = match &served {
        Some(Ok(mcp::Ended::Answered)) => AFTER_END,
        // the client's own requests have had their time
        Some(Ok(mcp::Ended::GivenUp)) => Duration::ZERO,
        Some(Err(_)) | None => AFTER_SIGNAL,
    };
    watch.abort();
    stop.cancel();
    gateway.drain(patience).await;
    // its answer to a human who decides in this moment
    drop(tokio::time::timeout(AFTER_SIGNAL, site).await);
    // a message that is not sent by then, another process sends; at the end of input nobody waits for us
    drop(tokio::time::timeout(patience.clamp(AFTER_SIGNAL, TELLING), telling).await);
    match served {
        None | Some(Ok(_)) => Ok(Exit::Done),
        Some(Err(error)) => Err(Failure::new(error.to_string())),
    }
}

#[cfg(unix)]
pub(super) async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

#[cfg(not(unix))]
pub(super) async fn terminated() {
    drop(tokio::signal::ctrl_c().await);
}
