//! `agentport log`: what was asked, decided and done.

use serde_json::json;

use super::{Exit, Failure, Out, record};
use crate::{
    app::App,
    clock::Millis,
    config::parse_duration,
    gateway::Parts,
    ledger::{Line, LineFilter, Verified, known_standings, standings, unchecked_text},
    visible::visible,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Lines of the log, newest first
    List(ListArgs),
    /// One call in full
    Show {
        /// `rec_…` or `apr_…`
        id: String,
    },
    /// How many calls of each tool ended how
    Summary {
        /// Not before: 7d, or a time such as 2026-11-23T09:00:00Z
        #[arg(long, default_value = "7d")]
        since: String,
    },
    /// Check every stored byte; exits 1 and names the first bad record
    Verify,
    /// Every record, one JSON object a line
    Export {
        /// The format
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Format,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only this tool
    #[arg(long)]
    tool: Option<String>,
    /// Only this caller
    #[arg(long)]
    caller: Option<String>,
    /// Only this account
    #[arg(long)]
    account: Option<String>,
    /// Only what agents called: neither AgentPort's own reads nor what happened to its home
    #[arg(long)]
    agents: bool,
    /// Not before: 7d, or a time such as 2026-11-23T09:00:00Z
    #[arg(long)]
    since: Option<String>,
    /// Before
    #[arg(long)]
    until: Option<String>,
    /// Only calls that stand there now, in the words of answers or of the log: completed, pending, denied, failed, unknown, …
    #[arg(long)]
    status: Option<String>,
    /// Only lines with all these words, in the arguments and answers too
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Format {
    /// JSON lines
    Jsonl,
}

pub(super) async fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    let gateway = app.gateway();
    let parts = gateway.open_parts()?;
    let now = app.clock().now();
    parts.ledger.sweep(now).await?;
    match action {
        Action::List(args) => {
            let tool = args.tool.map(|name| match parts.snapshots.current() {
                Ok(snapshot) => snapshot.policy_name(&name),
                Err(_) => name,
            });
            let filter = LineFilter {
                tool,
                caller: args.caller,
                account: args.account,
                agents_only: args.agents,
                since: args.since.as_deref().map(|text| time(text, now.wall)).transpose()?,
                until: args.until.as_deref().map(|text| time(text, now.wall)).transpose()?,
                status: match args.status {
                    Some(word) => status(&parts, &word).await?,
                    None => Vec::new(),
                },
                text: args.text.map(|words| words.split_whitespace().map(str::to_owned).collect()).unwrap_or_default(),
                before: None,
                limit: Some(args.limit),
            };
            let lines = parts.home.lines(filter).await?;
            out.answer(&json!(lines), || {
                if lines.is_empty() {
                    "no line fits".to_owned()
                } else {
                    lines.iter().map(line_text).collect::<Vec<_>>().join("\n")
                }
            });
            Ok(Exit::Done)
        }
        Action::Show { id } => {
            let detail = parts.home.detail(&id).await?.ok_or_else(|| {
                Failure::new(format!("there is no record `{}`", visible(&id))).hint("agentport log list")
            })?;
            out.answer(&json!(detail), || record::told(&detail));
            Ok(Exit::Done)
        }
        Action::Summary { since } => {
            let counts = parts.home.summary(time(&since, now.wall)?).await?;
            let value = json!(
                counts
                    .iter()
                    .map(|(tool, status, count)| json!({"tool": tool, "status": status, "count": count}))
                    .collect::<Vec<_>>()
            );
            out.answer(&value, || {
                if counts.is_empty() {
                    "no calls".to_owned()
                } else {
                    counts
                        .iter()
                        .map(|(tool, status, count)| format!("{count:>7}  {:<12} {}", visible(status), visible(tool)))
                        .collect::<Vec<_>>()
                        .join("\n")
                }
            });
            Ok(Exit::Done)
        }
        Action::Verify => verify(&parts, out).await,
        Action::Export { format: Format::Jsonl } => {
            let mut after = 0;
            loop {
                let records = parts.home.export(after, 500).await?;
                let Some(last) =
                    records.last().and_then(|record| record.get("seq")).and_then(serde_json::Value::as_i64)
                else {
                    return Ok(Exit::Done);
                };
                for record in &records {
                    out.value(record);
                }
                after = last;
            }
        }
    }
}

/// What happened to the home stands in the log too, under words of its own.
async fn status(parts: &Parts, word: &str) -> Result<Vec<String>, Failure> {
    let found = standings(word);
    if !found.is_empty() {
        return Ok(found);
    }
    if parts.home.has_status(word).await? {
        return Ok(vec![word.to_owned()]);
    }
    let known: Vec<_> = known_standings().collect();
    Err(Failure::usage(format!("nothing stands at `{}` in the log", visible(word)))
        .hint(format!("a call stands at one of {}", known.join(", "))))
}

async fn verify(parts: &Parts, out: &Out) -> Result<Exit, Failure> {
    let bad = match parts.home.verify().await? {
        Ok(verified) => {
            let Verified { records, head, unchecked } = verified;
            let mut value = json!({"ok": true, "records": records, "head": head});
            if let (false, serde_json::Value::Object(members)) = (unchecked.is_empty(), &mut value) {
                members.insert("unchecked".to_owned(), json!(unchecked));
            }
            out.answer(&value, || {
                let said = format!("{records} records, none changed; head {head}");
                match unchecked_text(&unchecked) {
                    Some(text) => format!("{said}\n{}", visible(&text)),
                    None => said,
                }
            });
            return Ok(Exit::Done);
        }
        Err(bad) => bad,
    };
    let (message, hint) = (visible(&bad.to_string()), "the log was changed; compare with a copy kept elsewhere");
    if out.is_json() {
        out.value(&json!({"ok": false, "seq": bad.seq, "record": bad.id, "what": bad.what,
            "error": {"message": message, "hint": hint}}));
        return Ok(Exit::Failed);
    }
    Err(Failure::new(format!("the log was changed: {message}")).hint("compare with a copy kept elsewhere"))
}

fn line_text(line: &Line) -> String {
    let summary = line.body.get("summary").and_then(serde_json::Value::as_str).unwrap_or_default();
    format!(
        "{}  {}  {:<9}  {}  {}  {}",
        line.at,
        line.id,
        visible(&line.status),
        visible(&line.caller),
        visible(&line.tool),
        // a summary was made visible when it was made; its marks must not be marked again
        summary
    )
}

/// A time, or a duration before now.
fn time(text: &str, now: Millis) -> Result<Millis, Failure> {
    if let Some(before) = parse_duration(text) {
        return Ok(now.saturating_sub(before));
    }
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| {
        Failure::usage(format!("`{}` is neither a duration nor a time", visible(text)))
            .hint("for example 7d or 2026-11-23T09:00:00Z")
    })
}
