//! `agentport serve`: the gateway, for agents over HTTP and people on its site.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Exit, Failure, Out,
    lines::{Format, Lines},
    stdio::terminated,
};
use crate::{
    app::App,
    clock::rfc3339,
    gateway::{Gateway, Parts},
    mcp, web,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How its log looks
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: Format,
    /// Write its log at the end of this file instead of standard error
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Serve nothing: ends well if the gateway of this home answers
    #[arg(long)]
    check: bool,
}

impl Args {
    /// The log that they name.
    pub(super) fn lines(&self) -> Result<Lines, Failure> {
        Lines::new(self.log_format, self.log_file.as_deref()).map_err(|error| Failure::new(error.to_string()))
    }
}

/// What is being sent may take so long after a SIGTERM.
const PATIENCE: Duration = Duration::from_secs(30);
/// And a message that is on its way to a person.
const TELLING: Duration = Duration::from_secs(10);

pub(super) async fn run(app: &App, out: &Out, args: &Args) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    if args.check {
        let url = web::hosted(&gateway).await.ok_or_else(|| Failure::new("no gateway of this home answers"))?;
        out.answer(&json!({"url": url}), || format!("it answers; people come to {url}"));
        return Ok(Exit::Done);
    }
    let parts = gateway.open_parts()?;
    let stop = CancellationToken::new();
    let doors = web::Doors { check_json: mcp::check_json, mcp: mcp::http_router(Arc::clone(&gateway), stop.clone()) };
    let watch = tokio::spawn(Arc::clone(&gateway).watch_all());
    let telling = tokio::spawn(Arc::clone(&gateway).tell(stop.clone()));
    let mut serving = std::pin::pin!(web::serve(Arc::clone(&gateway), doors, stop.clone()));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        failure = welcome(out, &gateway, &parts) => {
            tracing::warn!("the set-up link could not be made: {}", failure.message());
            tokio::select! {
                ended = &mut serving => ended,
                () = terminated() => stopping(&stop, serving.as_mut()).await,
            }
        }
        () = terminated() => stopping(&stop, serving.as_mut()).await,
    };
    watch.abort();
    stop.cancel();
    gateway.drain(PATIENCE).await;
    drop(tokio::time::timeout(TELLING, telling).await);
    ended.map(|()| Exit::Done).map_err(|error| Failure::new(error.to_string()))
}

async fn stopping<T>(stop: &CancellationToken, serving: std::pin::Pin<&mut impl Future<Output = T>>) -> T {
    tracing::info!("stopping: what runs is ended first");
    stop.cancel();
    serving.await
}

/// Shows the first human a link that enrols the owner, once it leads somewhere; returns only where it could not. It goes to
/// the console or the journal, and not into the log, which more people read.
async fn welcome(out: &Out, gateway: &Gateway, parts: &Parts) -> Failure {
    match show_link(out, gateway, parts).await {
        Ok(()) => std::future::pending().await,
        Err(failure) => failure,
    }
}

async fn show_link(out: &Out, gateway: &Gateway, parts: &Parts) -> Result<(), Failure> {
    if !parts.ledger.factors().await?.is_empty() {
        return Ok(());
    }
    let base = match web::hosted(gateway).await {
        Some(base) => base,
        // it listens where this computer cannot look by its loopback address
        None => parts.snapshots.current().map_err(|error| Failure::new(error.to_string()))?.settings.public_url.clone(),
    };
    let now = gateway.clock().now();
    let Some(token) = parts.home.open_enrolment(None, None, now).await? else { return Ok(()) };
    let expires_at = parts.home.enrolment(&token, now).await?.map_or(now.wall, |enrolment| enrolment.expires_at);
    let url = format!("{base}/enrol/{}", token.as_link());
    out.answer(&json!({"url": url, "expires_at": rfc3339(expires_at)}), || {
        format!(
            "nobody is enrolled yet. To become the owner, open this address:\n{url}\nIt works once, for 15 minutes; a later start \
             shows another. Show it to nobody: whoever opens it first is the approver."
        )
    });
    Ok(())
}
