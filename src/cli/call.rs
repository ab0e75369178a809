//! `agentport call`: what an agent would get, for shells and scripts.

use std::{io::Read as _, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure, Out};
use crate::{app::App, call::Caller, config::parse_duration, gateway::Gateway, mcp, reply::Reply};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The tool, by the name that agents or policies use
    tool: String,
    /// The arguments: a JSON object, @FILE, or - for standard input
    #[arg(long = "args", value_name = "JSON|@FILE|-", default_value = "{}")]
    arguments: String,
    /// What it is for; shown to the approver
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Wait for a human, for so long
    #[arg(long, value_name = "5m")]
    wait: Option<String>,
    /// The caller
    #[arg(long = "as", value_name = "NAME", default_value = "local")]
    name: String,
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let caller = Caller::parse(&args.name).map_err(Failure::usage)?;
    let wait = args.wait.as_deref().map(wait_for).transpose()?;
    let mut arguments = read_object(&args.arguments)?;
    if let Some(reason) = args.reason {
        arguments.insert("_reason".to_owned(), json!(reason));
    }
    let gateway = app.gateway();
    let mut reply = gateway.call(&caller, &args.tool, arguments, CancellationToken::new()).await;
    if let (Some(wait), Reply::ApprovalRequired { approval, url, .. }) = (wait, &reply) {
        let mut stderr = std::io::stderr().lock();
        drop(std::io::Write::write_all(
            &mut stderr,
            format!("waiting for a human: {}\n", url.as_deref().unwrap_or(&approval.id)).as_bytes(),
        ));
        let id = approval.id.clone();
        let stop = CancellationToken::new();
        let telling = tokio::spawn(Arc::clone(&gateway).tell(stop.clone()));
        reply = gateway.await_approval(&caller, Some(&id), wait, &CancellationToken::new()).await;
        stop.cancel();
        drop(telling.await);
        return show(&gateway, out, &reply).await;
    }
    let exit = show(&gateway, out, &reply).await?;
    if matches!(reply, Reply::ApprovalRequired { .. }) {
        // there may be no other process that tells anybody
        gateway.tell_once().await;
    }
    Ok(exit)
}

/// Prints a reply as an agent would get it, and says how it ended.
pub(super) async fn show(gateway: &Arc<Gateway>, out: &Out, reply: &Reply) -> Result<Exit, Failure> {
    let value = reply.to_json();
    out.answer(&value, || serde_json::to_string_pretty(&value).unwrap_or_default());
    gateway.drain(Duration::from_secs(30)).await;
    Ok(exit_of(reply))
}

/// The exit code of a reply.
pub(super) fn exit_of(reply: &Reply) -> Exit {
    match reply.status() {
        "completed" => Exit::Done,
        "approval_required" | "pending" => Exit::Waiting,
        "denied" => Exit::Denied,
        _ => Exit::Failed,
    }
}

/// `5m` as a duration.
pub(super) fn wait_for(text: &str) -> Result<Duration, Failure> {
    parse_duration(text)
        .and_then(|millis| u64::try_from(millis).ok())
        .map(Duration::from_millis)
        .ok_or_else(|| Failure::usage(format!("`{text}` is not a duration")).hint("for example 45s, 5m or 1h"))
}

/// A JSON object, checked as strictly as a frame: no duplicate keys, no numbers that lose precision.
pub(super) fn read_object(source: &str) -> Result<Map<String, Value>, Failure> {
    let text = if source == "-" {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| Failure::new(format!("standard input: {error}")))?;
        text
    } else if let Some(path) = source.strip_prefix('@') {
        std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("`{path}`: {error}")))?
    } else {
        source.to_owned()
    };
    mcp::check_json(text.as_bytes())
        .map_err(|reason| Failure::usage(format!("the arguments are refused: {reason}")))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) | Err(_) => {
            Err(Failure::usage("the arguments are not a JSON object").hint("for example --args '{\"limit\": 3}'"))
        }
    }
}
