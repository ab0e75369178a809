//! `agentport notify`: the channels through which people are told that something waits.

use serde_json::{Value, json};

use super::{Exit, Failure, Out, prompt};
use crate::{
    app::App,
    clock::rfc3339,
    config::{Channel, SecretNeed},
    gateway::Parts,
    notify::Courier,
    snapshot::Snapshot,
    upstream::{ChannelSecret, channel_secret_name, seal_channel},
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// The channels of agentport.toml, and how each last did
    List,
    /// Store a channel's secret (token, password, signing key), for its present destination only
    Set {
        /// The channel's name
        name: String,
        /// Take the secret as one line of standard input
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Remove a channel's secret
    Unset {
        /// The channel's name
        name: String,
    },
    /// Send a test message now, over one channel or over all
    Test {
        /// The channel's name
        name: Option<String>,
    },
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let snapshot = parts.snapshots.current()?;
    match action {
        Action::List => list(out, &parts, &snapshot).await,
        Action::Set { name, secret_stdin } => set(out, &parts, &snapshot, &name, secret_stdin).await,
        Action::Unset { name } => {
            let _shared = parts.share_secrets().await?;
            parts.secrets.delete(&channel_secret_name(&name)).await?;
            out.answer(&json!({"channel": name, "secret": "removed"}), || format!("the secret of `{name}` is gone"));
            Ok(Exit::Done)
        }
        Action::Test { name } => test(out, &parts, &snapshot, name.as_deref()).await,
    }
}

async fn list(out: &Out, parts: &Parts, snapshot: &Snapshot) -> Result<Exit, Failure> {
    let (mut values, mut lines) = (Vec::new(), Vec::new());
    for channel in &snapshot.settings.notify {
        let health = parts.home.channel_health(&channel.name).await?;
        let secret = secret_state(parts, channel).await;
        let refusal = Courier::refusal(channel, &snapshot.settings);
        let state = match (&refusal, &health.failed, health.told_at) {
            (Some(refusal), ..) => format!("not used: {refusal}"),
            (None, Some((at, problem)), _) => format!("failed at {}: {}", rfc3339(*at), visible(problem)),
            (None, None, Some(at)) => format!("last told at {}", rfc3339(at)),
            (None, None, None) => "not used yet".to_owned(),
        };
        let kind = channel.kind.as_str();
        lines.push(format!(
            "{}  {kind}  {}  secret {secret}  {state}",
            channel.name,
            visible(&channel.kind.destination())
        ));
        values.push(json!({
            "name": channel.name,
            "kind": kind,
            "destination": channel.kind.destination(),
            "arguments": channel.arguments,
            "secret": secret,
            "refused": refusal.map(|refusal| refusal.to_string()),
            "told_at": health.told_at.map(rfc3339),
            "failed_at": health.failed.as_ref().map(|(at, _)| rfc3339(*at)),
            "problem": health.failed.as_ref().map(|(_, problem)| problem.clone()),
        }));
    }
    out.answer(&Value::Array(values), || if lines.is_empty() { NONE.to_owned() } else { lines.join("\n") });
    Ok(Exit::Done)
}

const NONE: &str = "no channel is set up: add [[notify]] to agentport.toml (docs/channels.md)";

async fn set(out: &Out, parts: &Parts, snapshot: &Snapshot, name: &str, from_stdin: bool) -> Result<Exit, Failure> {
    let channel = find(snapshot, name)?;
    let (need, what) = channel.kind.secret();
    match need {
        SecretNeed::No => {
            return Err(Failure::new(format!(
                "a channel of kind `{}` as it is here has no secret",
                channel.kind.as_str()
            )));
        }
        SecretNeed::Optional | SecretNeed::Required => {}
    }
    let destination = channel.kind.destination();
    let secret = prompt::secret(what, from_stdin)?;
    let sealed = seal_channel(&destination, &secret).map_err(|_| {
        Failure::new("this is no such secret: it has characters that cannot be sent; nothing was stored")
    })?;
    let _shared = parts.share_secrets().await?;
    parts.secrets.put(&channel_secret_name(name), sealed).await?;
    out.answer(&json!({"channel": name, "secret": "ok", "destination": destination}), || {
        format!("stored; it goes to {} and nowhere else\nnext: agentport notify test {name}", visible(&destination))
    });
    Ok(Exit::Done)
}

async fn test(out: &Out, parts: &Parts, snapshot: &Snapshot, name: Option<&str>) -> Result<Exit, Failure> {
    let channels: Vec<&Channel> = match name {
        Some(name) => vec![find(snapshot, name)?],
        None => snapshot.settings.notify.iter().collect(),
    };
    if channels.is_empty() {
        return Err(Failure::new("no channel is set up").hint("add [[notify]] to agentport.toml (docs/channels.md)"));
    }
    let (mut values, mut lines, mut all) = (Vec::new(), Vec::new(), true);
    for channel in channels {
        let problem = match Courier::refusal(channel, &snapshot.settings) {
            Some(refusal) => Some(format!("{refusal}; {}", refusal.fix())),
            None => parts.courier.test(channel, snapshot).await.err().map(|undelivered| undelivered.to_string()),
        };
        all &= problem.is_none();
        lines.push(match &problem {
            None => format!("{}: sent; look whether it came", channel.name),
            Some(problem) => format!("{}: {}", channel.name, visible(problem)),
        });
        values.push(json!({"name": channel.name, "sent": problem.is_none(), "problem": problem}));
    }
    out.answer(&Value::Array(values), || lines.join("\n"));
    Ok(if all { Exit::Done } else { Exit::Failed })
}

fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Channel, Failure> {
    snapshot.settings.notify.iter().find(|channel| channel.name == name).ok_or_else(|| {
        Failure::new(format!("there is no channel `{}` in agentport.toml", visible(name))).hint("agentport notify list")
    })
}

/// What there is of a channel's secret, in a word.
pub(super) async fn secret_state(parts: &Parts, channel: &Channel) -> &'static str {
    let need = channel.kind.secret().0;
    if need == SecretNeed::No {
        return "not needed";
    }
    match parts.secrets.get(&channel_secret_name(&channel.name)).await {
        Ok(Some(sealed)) => match ChannelSecret::open(&sealed, &channel.kind.destination()) {
            Ok(_) => "ok",
            Err(_) => "for another destination",
        },
        Ok(None) if need == SecretNeed::Optional => "none",
        Ok(None) => "missing",
        Err(_) => "store locked",
    }
}
