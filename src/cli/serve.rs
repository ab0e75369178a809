//! `agentport serve`: the gateway, for agents over HTTP and people on its site.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, stdio::terminated};
use crate::{app::App, mcp, web};

/// What is being sent may take so long after a SIGTERM.
const PATIENCE: Duration = Duration::from_secs(30);
/// And a message that is on its way to a person.
const TELLING: Duration = Duration::from_secs(10);

pub(super) async fn run(app: &App) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    gateway.open_parts()?;
    let stop = CancellationToken::new();
    let doors = web::Doors { check_json: mcp::check_json, mcp: mcp::http_router(Arc::clone(&gateway), stop.clone()) };
    let watch = tokio::spawn(Arc::clone(&gateway).watch_all());
    let telling = tokio::spawn(Arc::clone(&gateway).tell(stop.clone()));
    let mut serving = std::pin::pin!(web::serve(Arc::clone(&gateway), doors, stop.clone()));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = terminated() => {
            tracing::info!("stopping: what runs is ended first");
            stop.cancel();
            serving.await
        }
    };
    watch.abort();
    stop.cancel();
    gateway.drain(PATIENCE).await;
    drop(tokio::time::timeout(TELLING, telling).await);
    ended.map(|()| Exit::Done).map_err(|error| Failure::new(error.to_string()))
}
