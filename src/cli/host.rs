//! `agentport host`: our entry in the configuration of an agent host, and nothing else in it.
//!
//! `kind` knows where each host keeps its servers, `entry` what ours looks like, `json` and `toml` change a file without
//! touching the rest of it, `file` reads, keeps and replaces it.

mod entry;
mod file;
mod json;
mod kind;
mod toml;

use std::path::PathBuf;

use serde_json::{Value, json};

use self::entry::Entry;
pub(super) use self::{
    entry::fleeting,
    file::HostFile,
    kind::{Format, Host},
};
use super::{Exit, Failure, Out, prompt};
use crate::{app::App, config::user_home, visible::visible};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Print the entry and the file that it belongs into
    Show(ShowArgs),
    /// Put the entry in, or bring it up to date; shows what changes and keeps a backup
    Add(ChangeArgs),
    /// Take the entry out again
    Remove(ChangeArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The agent host
    #[arg(value_enum)]
    host: Host,
    /// Its configuration file, if it is not in the usual place
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ChangeArgs {
    /// The agent host
    #[arg(value_enum)]
    host: Host,
    /// Its configuration file, if it is not in the usual place
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Action {
    /// Adding it to the host of this name; `None` where there is no such host.
    pub(super) fn add(host: &str) -> Option<Self> {
        let host = <Host as clap::ValueEnum>::from_str(host, true).ok()?;
        Some(Self::Add(ChangeArgs { host, config: None, yes: false }))
    }
}

/// Every host's name.
pub(super) fn names() -> Vec<&'static str> {
    Host::ALL.into_iter().map(Host::name).collect()
}

pub(super) fn run(app: &App, out: &Out, action: Action) -> Result<Exit, Failure> {
    match action {
        Action::Show(args) => show(app, out, &args),
        Action::Add(args) => add(app, out, &args),
        Action::Remove(args) => remove(out, &args),
    }
}

fn show(app: &App, out: &Out, args: &ShowArgs) -> Result<Exit, Failure> {
    let host = args.host;
    let path = config_path(host, args.config.as_ref())?;
    let (entry, warnings) = Entry::for_host(app, host)?;
    // a file that cannot be read is no reason not to say what belongs into it
    let found = HostFile::read(&path).ok().and_then(|file| find(host, &file).ok()).flatten();
    let state = match &found {
        None => "absent",
        Some(found) if entry.is_in(found) => "current",
        Some(_) => "outdated",
    };
    let text = snippet(host, &entry)?;
    let value = json!({
        "host": host.name(), "file": path.display().to_string(), "at": host.place().join("."),
        "entry": entry.to_json(), "text": text, "state": state, "warnings": warnings,
    });
    out.answer(&value, || {
        let next = match state {
            "current" => "it is there".to_owned(),
            "absent" => format!("it is not there yet: agentport host add {}", host.name()),
            _ => format!("what is there differs: agentport host add {}", host.name()),
        };
        let shown = visible(&path.display().to_string());
        let notes = notes(&warnings);
        format!("{} reads {shown}; the entry at `{}`:\n\n{text}\n\n{next}{notes}", host.title(), host.place().join("."))
    });
    Ok(Exit::Done)
}

fn add(app: &App, out: &Out, args: &ChangeArgs) -> Result<Exit, Failure> {
    let host = args.host;
    let path = config_path(host, args.config.as_ref())?;
    let (entry, warnings) = Entry::for_host(app, host)?;
    let file = HostFile::read(&path)?;
    let found = find(host, &file)?;
    if found.as_ref().is_some_and(|found| entry.is_in(found)) {
        return Ok(unchanged(out, host, &file, "the entry is there already", &warnings));
    }
    let entry = entry.with_others_of(found.as_ref());
    let text = file.text().unwrap_or_default();
    let changed = match host.format() {
        Format::Json => json::set(text, host.place(), &entry.members()),
        Format::Toml => toml::set(text, host.place(), &entry.members()),
    }
    .map_err(|reason| refused(&path, &reason))?;
    if !confirmed(out, host, &file, found.as_ref(), Some(&entry), args.yes)? {
        return Err(Failure::new("nothing was changed"));
    }
    let backup = file.replace(&changed)?;
    let value = json!({
        "host": host.name(), "file": path.display().to_string(), "changed": true, "created": file.text().is_none(),
        "backup": backup.as_ref().map(|backup| backup.display().to_string()), "warnings": warnings,
    });
    out.answer(&value, || {
        let kept = backup.as_ref().map_or_else(String::new, |backup| {
            format!("; what it was is kept as {}", visible(&backup.display().to_string()))
        });
        let notes = notes(&warnings);
        format!("written{kept}\nstart {} again, and it has the tools of agentport{notes}", host.title())
    });
    Ok(Exit::Done)
}

fn remove(out: &Out, args: &ChangeArgs) -> Result<Exit, Failure> {
    let host = args.host;
    let path = config_path(host, args.config.as_ref())?;
    let file = HostFile::read(&path)?;
    let Some(found) = find(host, &file)? else {
        return Ok(unchanged(out, host, &file, "there is no entry of agentport", &[]));
    };
    let backups = file.backups();
    let before: Vec<&str> = backups.iter().map(|(_, text)| text.as_str()).collect();
    let text = file.text().unwrap_or_default();
    let left = match host.format() {
        Format::Json => json::without(text, host.place(), &before),
        Format::Toml => toml::without(text, host.place(), &before),
    }
    .map_err(|reason| refused(&path, &reason))?;
    if !confirmed(out, host, &file, Some(&found), None, args.yes)? {
        return Err(Failure::new("nothing was changed"));
    }
    let restored = backups.iter().find(|(_, text)| *text == left);
    let empty = matches!(left.trim(), "" | "{}");
    let deleted = empty && restored.is_none();
    let backup = match (restored, deleted) {
        (Some((backup, _)), _) => {
            file.restore(&left, backup)?;
            None
        }
        (None, true) => {
            file.delete()?;
            None
        }
        (None, false) => file.replace(&left)?,
    };
    let value = json!({
        "host": host.name(), "file": path.display().to_string(), "changed": true, "deleted": deleted,
        "backup": backup.as_ref().map(|backup| backup.display().to_string()),
    });
    out.answer(&value, || {
        if deleted {
            return format!("removed; nothing else was in {}, so it is gone", visible(&path.display().to_string()));
        }
        let what = if restored.is_some() { "; the file is as it was before" } else { "" };
        format!("removed{what}; start {} again", host.title())
    });
    Ok(Exit::Done)
}

/// Shows what changes, and asks the person where there is one.
fn confirmed(
    out: &Out,
    host: Host,
    file: &HostFile,
    before: Option<&Value>,
    after: Option<&Entry>,
    yes: bool,
) -> Result<bool, Failure> {
    if !out.is_json() {
        let place = host.place().join(".");
        let mut lines = vec![format!("{}, `{place}`:", visible(&file.path().display().to_string()))];
        // only our own entry: what stands around it may hold keys
        for (sign, text) in [
            ('-', before.map(|value| snippet(host, &Entry::from_json(value))).transpose()?),
            ('+', after.map(|entry| snippet(host, entry)).transpose()?),
        ] {
            lines.extend(text.iter().flat_map(|text| text.lines()).map(|line| format!("{sign} {line}")));
        }
        out.text(&lines.join("\n"));
    }
    if yes || !prompt::is_terminal() {
        return Ok(true);
    }
    let answer = prompt::ask("write it? [Y/n]")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes"))
}

/// The entry alone, as it stands in the host's file.
fn snippet(host: Host, entry: &Entry) -> Result<String, Failure> {
    let shown = entry.masked();
    match host.format() {
        Format::Json => Ok(json::member(host.place().last().copied().unwrap_or_default(), &shown.members())),
        Format::Toml => {
            toml::set("", host.place(), &shown.members()).map(|text| text.trim().to_owned()).map_err(Failure::new)
        }
    }
}

/// Our entry in the text of a host's file.
pub(super) fn entry_in(host: Host, text: &str) -> Option<Value> {
    match host.format() {
        Format::Json => json::find(text, host.place()),
        Format::Toml => toml::find(text, host.place()),
    }
    .ok()
    .flatten()
}

fn find(host: Host, file: &HostFile) -> Result<Option<Value>, Failure> {
    let Some(text) = file.text() else { return Ok(None) };
    match host.format() {
        Format::Json => json::find(text, host.place()),
        Format::Toml => toml::find(text, host.place()),
    }
    .map_err(|reason| refused(file.path(), &reason))
}

/// What the person should know, each on a line of its own.
fn notes(warnings: &[String]) -> String {
    warnings.iter().fold(String::new(), |notes, warning| format!("{notes}\nnote: {warning}"))
}

fn unchanged(out: &Out, host: Host, file: &HostFile, what: &str, warnings: &[String]) -> Exit {
    let path = file.path().display().to_string();
    let value = json!({"host": host.name(), "file": path, "changed": false, "warnings": warnings});
    out.answer(&value, || {
        let notes = notes(warnings);
        format!("{}: {what}; nothing was changed{notes}", visible(&path))
    });
    Exit::Done
}

fn refused(path: &std::path::Path, reason: &str) -> Failure {
    Failure::new(format!("`{}`: {reason}; it was left as it is", visible(&path.display().to_string())))
        .hint("put it right, or add the entry by hand: `agentport host show` prints it")
}

fn config_path(host: Host, given: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(path) = given {
        return Ok(path.clone());
    }
    let home = user_home().ok_or_else(|| {
        Failure::new("the user database knows no home directory of this user").hint("name the file with --config")
    })?;
    Ok(host.config(&home))
}
