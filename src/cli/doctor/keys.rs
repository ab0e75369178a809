//! Keys that lie in plain text in the agent hosts' own files: where each is, never what it is.

use std::path::{Path, PathBuf};

use serde_json::Value;
use zeroize::Zeroizing;

use super::finding::Findings;
use crate::{
    cli::host::{Format, Host},
    secret::{Shape, shape_of},
    visible::visible,
};

/// Enough to act on; a file of a chat's history could hold thousands.
const MOST: usize = 20;
/// What is larger is not read.
const LARGEST: u64 = 64 * 1024 * 1024;
/// What stands in the place of a key.
const HIDDEN: &str = "[a key]";

/// One key: under which name it lies, and what it looks like.
#[derive(Debug, PartialEq, Eq)]
struct Hit {
    at: String,
    shape: Shape,
    /// Is `at` a place that `connect --key` understands?
    named: bool,
}

pub(super) fn check(user_home: &Path, services: &[String], findings: &mut Findings) {
    let mut searched = 0;
    let mut clean = true;
    for host in Host::ALL {
        let main = host.config(user_home);
        let others = host.other_files(user_home).into_iter().chain(backups_of(&main));
        for path in std::iter::once(main.clone()).chain(others) {
            let Some(text) = read(&path) else { continue };
            searched += 1;
            let hits = match host.format() {
                Format::Json => in_json(&text),
                Format::Toml => in_toml(&text),
            };
            let shown = visible(&path.display().to_string());
            for hit in hits.iter().take(MOST) {
                clean = false;
                let service = hit.shape.service.filter(|service| services.iter().any(|known| known == service));
                let fix = match service {
                    Some(service) if hit.named => format!(
                        "agentport connect {service} --from-file {} --key {}\nthen have the vendor replace it: whoever \
                         read the file has it",
                        quoted(&shown),
                        quoted(&hit.at)
                    ),
                    Some(service) => format!(
                        "agentport connect {service}, then delete it there and have the vendor replace it: whoever read \
                         the file has it"
                    ),
                    None => "delete it there, and have the vendor replace it: whoever read the file has it".to_owned(),
                };
                let finding =
                    format!("{}'s file holds {} in plain text: {shown}, `{}`", host.title(), hit.shape.name, hit.at);
                findings.bad("keys", finding, fix);
            }
            if hits.len() > MOST {
                findings.bad("keys", format!("{shown} holds {} more", hits.len() - MOST), "look through it");
            }
        }
    }
    if clean {
        findings.ok("keys", format!("no key in plain text in the {searched} files of agent hosts that were found"));
    }
}

/// `value` with every text in it that looks like a key replaced.
pub(in crate::cli) fn mask(value: &Value) -> Value {
    match value {
        Value::String(text) if shape_of(text).is_some() => Value::from(HIDDEN),
        Value::Array(elements) => elements.iter().map(mask).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (shown_key(key), mask(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What `host add` kept of a file holds the keys that were in it then.
fn backups_of(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let prefix = format!("{name}.agentport-backup");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let kept =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&prefix));
    let mut found: Vec<_> = entries.filter(kept).collect();
    found.sort();
    found
}

fn read(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let bytes = (metadata.is_file() && metadata.len() <= LARGEST).then(|| std::fs::read(path).ok())??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// By its keys; a file with comments, or of another kind, by its lines.
fn in_json(text: &str) -> Vec<Hit> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => in_value(&value),
        Err(_) => in_lines(text),
    }
}

fn in_toml(text: &str) -> Vec<Hit> {
    match toml::from_str::<toml::Table>(text).ok().and_then(|table| serde_json::to_value(table).ok()) {
        Some(value) => in_value(&value),
        None => in_lines(text),
    }
}

fn in_value(root: &Value) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((at, value)) = open.pop() {
        match value {
            Value::String(text) => {
                hits.extend(shape_of(text).map(|shape| Hit { at, shape, named: true }));
            }
            Value::Array(elements) => {
                open.extend(elements.iter().enumerate().rev().map(|(index, value)| (format!("{at}[{index}]"), value)));
            }
            Value::Object(members) => {
                for key in members.keys() {
                    hits.extend(shape_of(key).map(|shape| Hit { at: below(&at, HIDDEN), shape, named: false }));
                }
                open.extend(members.iter().rev().map(|(key, value)| (below(&at, &shown_key(key)), value)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    hits
}

/// Every text of a JSON or TOML file with its place, as findings name it. `None` where it is neither.
pub(in crate::cli) fn strings(text: &str) -> Option<Vec<(String, Zeroizing<String>)>> {
    let toml = || toml::from_str::<toml::Table>(text).ok().and_then(|table| serde_json::to_value(table).ok());
    let root = serde_json::from_str::<Value>(text).ok().or_else(toml)?;
    let mut strings = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((at, value)) = open.pop() {
        match value {
            Value::String(text) => strings.push((at, Zeroizing::new(text))),
            Value::Array(elements) => {
                open.extend(
                    elements.into_iter().enumerate().rev().map(|(index, value)| (format!("{at}[{index}]"), value)),
                );
            }
            Value::Object(members) => {
                open.extend(members.into_iter().rev().map(|(key, value)| (below(&at, &shown_key(&key)), value)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Some(strings)
}

fn below(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if word.bytes().all(plain) && !word.is_empty() {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// By line, with the name before `=` or `:` where there is one.
fn in_lines(text: &str) -> Vec<Hit> {
    let found = text.lines().enumerate().filter_map(|(index, line)| {
        let shape = shape_of(line)?;
        let name = line.split(['=', ':']).next().unwrap_or_default().trim().trim_start_matches("export ");
        let name: String =
            name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(*letter)).collect();
        let at = match shape_of(&name) {
            None if !name.is_empty() && name.len() <= 80 && name.len() < line.trim().len() => {
                format!("{name} (line {})", index + 1)
            }
            Some(_) | None => format!("line {}", index + 1),
        };
        Some(Hit { at, shape, named: false })
    });
    found.collect()
}

/// A name as it is, unless it is a key itself.
fn shown_key(key: &str) -> String {
    if shape_of(key).is_some() { HIDDEN.to_owned() } else { visible(key) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(hits: &[Hit]) -> Vec<(&str, &str)> {
        hits.iter().map(|hit| (hit.at.as_str(), hit.shape.name)).collect()
    }

    #[test]
    fn a_key_is_found_by_its_name_in_every_format() {
        let key = "sk_live_51Habcdefgh";
        let json =
            json!({"mcp": {"servers": {"s": {"env": {"STRIPE_KEY": key}, "args": ["-k", key]}}}, key: 1}).to_string();
        let expected = [
            ("[a key]", "a Stripe key"),
            ("mcp.servers.s.args[1]", "a Stripe key"),
            ("mcp.servers.s.env.STRIPE_KEY", "a Stripe key"),
        ];
        assert_eq!(places(&in_json(&json)), expected);
        let toml = format!("[mcp_servers.s.env]\nSTRIPE_KEY = \"{key}\"\n");
        assert_eq!(places(&in_toml(&toml)), [("mcp_servers.s.env.STRIPE_KEY", "a Stripe key")]);
        let commented = format!("{{\n  // mine\n  \"STRIPE_KEY\": \"{key}\",\n}}");
        assert_eq!(places(&in_json(&commented)), [("STRIPE_KEY (line 3)", "a Stripe key")]);
        assert_eq!(
            places(&in_json(&format!("{key}=1\nA={key}"))),
            [("line 1", "a Stripe key"), ("A (line 2)", "a Stripe key")]
        );
    }

    #[test]
    fn a_named_place_is_one_that_the_takeover_finds() {
        let key = "sk_live_51Habcdefgh";
        let json =
            json!({"a b": {"c.d": ["x", {"e\u{202e}": key}], "f": format!("--k={key}")}, key: {"g": key}}).to_string();
        let named: Vec<_> = in_json(&json).into_iter().filter(|hit| hit.named).map(|hit| hit.at).collect();
        assert_eq!(named, ["a b.c.d[1].e⟨U+202E⟩", "a b.f", "[a key].g"]);
        let strings = strings(&json).unwrap();
        assert!(named.iter().all(|at| strings.iter().filter(|(place, _)| place == at).count() == 1));
        assert_eq!(super::strings("A=1\n\"B\""), None);
        for (word, expected) in [
            ("/home/a/.claude.json", "/home/a/.claude.json"),
            ("args[1]", "'args[1]'"),
            ("it's; rm -rf $HOME", r"'it'\''s; rm -rf $HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn what_is_shown_of_an_entry_has_no_key_in_it() {
        let entry = json!({"env": {"K": "ghp_0123456789abcdefghij", "A": "b"}, "args": ["x", "rk_live_51Habcdef"]});
        assert_eq!(mask(&entry), json!({"env": {"K": "[a key]", "A": "b"}, "args": ["x", "[a key]"]}));
    }
}
