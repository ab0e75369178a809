//! What was found, and what to do about it.

use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// Works, and could be better.
    Warn,
    /// Does not work, or is not safe.
    Bad,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) status: Status,
    pub(super) text: String,
    pub(super) fix: Option<String>,
}

/// All of them, in the order of their checks.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, finding: impl Into<String>) {
        self.0.push(Finding { check, status: Status::Ok, text: finding.into(), fix: None });
    }

    pub(super) fn warn(&mut self, check: &'static str, finding: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Finding { check, status: Status::Warn, text: finding.into(), fix: Some(fix.into()) });
    }

    pub(super) fn bad(&mut self, check: &'static str, finding: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Finding { check, status: Status::Bad, text: finding.into(), fix: Some(fix.into()) });
    }

    pub(super) fn has(&self, status: Status) -> bool {
        self.0.iter().any(|finding| finding.status == status)
    }

    pub(super) fn to_json(&self) -> Value {
        let one = |finding: &Finding| {
            json!({
                "check": finding.check, "status": finding.status.as_str(), "finding": finding.text, "fix": finding.fix,
            })
        };
        self.0.iter().map(one).collect()
    }

    pub(super) fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for finding in &self.0 {
            let mut rest = finding.text.lines();
            let first = rest.next().unwrap_or_default();
            lines.push(format!("{:<5}{:<10} {first}", finding.status.as_str(), finding.check));
            lines.extend(rest.map(|line| format!("{:16}{line}", "")));
            lines.extend(finding.fix.iter().map(|fix| format!("{:16}→ {fix}", "")));
        }
        let count = |status| self.0.iter().filter(|finding| finding.status == status).count();
        lines.push(match (count(Status::Bad), count(Status::Warn)) {
            (0, 0) => "\nall is as it should be".to_owned(),
            (0, warn) => format!("\nnothing bad; {warn} to think about"),
            (bad, warn) => format!("\n{bad} bad, {warn} to think about"),
        });
        lines.join("\n")
    }
}
