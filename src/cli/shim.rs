//! The agent's side of a gateway elsewhere (`AGENTPORT_URL`). Every agent has one of its own, for as long as its host runs: it
//! starts without what only a program with keys needs.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _},
    sync::Arc,
};

use super::{Exit, Failure, Lines, Out, stdio::terminated};
use crate::{config::Environment, mcp, trust::Authorities};

/// Is this how a host starts a shim? Whatever else there is on a command line is read as one.
pub(super) fn is_meant(environment: &Environment, arguments: &[OsString]) -> bool {
    let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).map(OsStr::to_str).collect();
    let plain = match arguments.as_slice() {
        [] => !io::stdin().is_terminal(),
        // under which name it was started, its gateway does not ask: there it is its token's
        [Some("stdio")] | [Some("stdio"), Some("--as"), Some(_)] => true,
        _ => false,
    };
    plain && environment.gateway_url().is_some()
}

/// The whole program, as a host starts it.
pub(super) fn main(environment: &Environment) -> Exit {
    Lines::default().start(environment, true);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return Out::new(false).fail(&Failure::new(format!("the runtime did not start: {error}")));
        }
    };
    let result = runtime.block_on(run(environment));
    // a thread that waits for standard input or for the gateway must not hold the exit
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| Out::new(false).fail(&failure))
}

/// Serves the agent out of the gateway. Never a local server instead: the agent's side of a gateway holds no keys.
pub(super) async fn run(environment: &Environment) -> Result<Exit, Failure> {
    let authorities = match environment.gateway_authority() {
        Some(file) => Authorities::read(file).map_err(|problem| Failure::usage(format!("AGENTPORT_CA: {problem}")))?,
        None => Authorities::Public,
    };
    let (url, token) = (environment.gateway_url().unwrap_or_default(), environment.agent_token().map(Arc::clone));
    let remote = mcp::Remote::new(url, &authorities, token).map_err(Failure::usage)?;
    if remote.is_none() {
        tracing::warn!("AGENTPORT_URL is set and AGENTPORT_TOKEN is not: run `agentport agents add` at the gateway");
    }
    let (input, output) = mcp::take_stdio()?;
    let served = tokio::select! {
        served = mcp::shim(remote, input, output) => served,
        () = terminated() => return Ok(Exit::Done),
    };
    served.map(|_| Exit::Done).map_err(|error| Failure::new(error.to_string()))
}
