//! One call in full, for a person at the terminal: what it was, what the policy said, what happened when, what was sent and what
//! came back. `--json` has every field, hashes too.

use serde_json::Value;

use crate::{
    ledger::{Line, sqlite::CallDetail},
    visible::visible,
};

/// More of one part is for `--json`.
const MOST_LINES: usize = 40;

pub(super) fn told(detail: &CallDetail) -> String {
    let Line { id, status, caller, tool, account, body, .. } = &detail.line;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    // a summary was made visible when it was made
    let mut lines = vec![text(body, "summary"), format!("{}  {}", visible(status), visible(tool))];
    for (name, value) in [
        ("account", account.clone()),
        ("environment", text(body, "environment")),
        ("asked by", caller.clone()),
        ("policy", policy(body.get("evaluation"))),
        ("record", id.clone()),
    ] {
        if !value.is_empty() {
            lines.push(format!("{name:<12} {}", visible(&value)));
        }
    }
    lines.push("\nwhat happened".to_owned());
    lines.extend(detail.records.iter().map(|record| {
        format!("  {}  {:<9} {}", text(record, "at"), visible(&text(record, "kind")), visible(&text(record, "status")))
    }));
    let arguments = detail.plan.get("given").or_else(|| detail.plan.get("arguments"));
    part(&mut lines, "asked for", arguments.unwrap_or(&Value::Null));
    let request = detail.plan.get("request").and_then(Value::as_object).and_then(|request| request.values().next());
    part(&mut lines, "request", request.unwrap_or(&Value::Null));
    part(&mut lines, "looked up", &detail.facts);
    part(&mut lines, "answer", &detail.answer);
    lines.push("\n--json has all of it, with the hashes".to_owned());
    lines.join("\n").trim_start().to_owned()
}

/// `ask by sqlite.execute (policy.toml:25)`
fn policy(evaluation: Option<&Value>) -> String {
    let Some(evaluation) = evaluation else { return String::new() };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let reasons = evaluation.get("reasons").and_then(Value::as_array).into_iter().flatten().map(|reason| {
        let line = reason.get("line").and_then(Value::as_u64).filter(|line| *line > 0);
        let line = line.map_or_else(String::new, |line| format!(":{line}"));
        format!("{} ({}{line})", text(reason, "rule"), text(reason, "file"))
    });
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let decision = text(evaluation, "decision");
    if reasons.is_empty() { decision } else { format!("{decision} by {reasons}") }
}

fn part(lines: &mut Vec<String>, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    lines.push(format!("\n{name}"));
    let text = match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    let count = text.lines().count();
    lines.extend(text.lines().take(MOST_LINES).map(|line| format!("  {}", indented(line))));
    if count > MOST_LINES {
        lines.push(format!("  … and {} lines more", count - MOST_LINES));
    }
}

/// JSON's own indentation stays, everything behind it is made visible.
fn indented(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    format!("{}{}", " ".repeat(line.len() - text.len()), visible(text))
}
