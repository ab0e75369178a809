//! MCP over lines: frames in, gateway, frames out. No decisions.
//!
//! A line passes the strict gate (`frame`), becomes a request of rmcp's (`transport`), is answered by the gateway
//! (`server`, `render`; `elicit` asks a client to open a link), and its answer is one line again (`transport`). `stdio` is
//! this over the pipe, `http` over the gateway's port, and `shim` the agent's side of a gateway elsewhere (`remote`). All five revisions of the protocol are served,
//! those with `initialize` and the one without.

mod elicit;
pub mod frame;
mod http;
mod remote;
mod render;
mod server;
mod shim;
mod stdio;
mod transport;

use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::Duration,
};

use rmcp::{
    RoleServer, ServerHandler,
    service::{Peer, QuitReason, ServerInitializeError},
};
use tokio::sync::watch;

use self::server::Server;
pub use self::{
    frame::check as check_json, http::router as http_router, remote::Remote, shim::shim, stdio::take_stdio,
};
use crate::{call::Caller, gateway::Gateway};

/// How long running requests may take once the input has ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// How serving an agent ended, once its input had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that it asked is answered.
    Answered,
    /// Something took longer than we wait: what is still being sent gets no more time.
    GivenUp,
}

/// Why the agent is not served any more, other than that it left.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no thread to read or write in.
    #[error("cannot read and write the agent's streams")]
    Streams(#[source] io::Error),
    /// The protocol could not begin.
    #[error("cannot begin the protocol")]
    Begin(#[source] Box<ServerInitializeError>),
    /// The protocol broke down.
    #[error("the protocol ended by a fault")]
    Broken(#[source] tokio::task::JoinError),
}

/// Serves one agent until its input has ended and everything that it asked is answered, or until 30 seconds after that.
/// What is then still being sent upstream is the gateway's to `drain`.
///
/// # Errors
/// We could not serve it. That it left is none.
pub async fn serve(
    gateway: Arc<Gateway>,
    caller: Caller,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<Ended, ServeError> {
    let changes = gateway.changes();
    serve_with(Server::new(gateway, caller), changes, input, output, PATIENCE).await
}

async fn serve_with(
    server: impl ServerHandler,
    changes: watch::Receiver<u64>,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    patience: Duration,
) -> Result<Ended, ServeError> {
    let (transport, connection) = transport::open(input, output, patience).map_err(ServeError::Streams)?;
    let ended = match rmcp::serve_server(server, transport).await {
        Ok(running) => {
            let peer: Peer<RoleServer> = running.peer().clone();
            tokio::select! {
                ended = running.waiting() => match ended {
                    Ok(QuitReason::JoinError(error)) | Err(error) => Err(ServeError::Broken(error)),
                    Ok(_) => Ok(()),
                },
                () = connection.given_up() => Ok(()),
                never = server::tell_changes(changes, peer) => never,
            }
        }
        // The agent left before it had said what it speaks.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::TransportError { .. }) => Ok(()),
        Err(error) => Err(ServeError::Begin(Box::new(error))),
    };
    connection.finish().await;
    ended.map(|()| if connection.has_given_up() { Ended::GivenUp } else { Ended::Answered })
}

#[cfg(test)]
mod tests;
