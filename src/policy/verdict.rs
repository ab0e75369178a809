//! The answer of a policy, with its reasons.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Requirement, limit::Use};
use crate::plan::Digest;

/// What a policy says of a call, loosest first; the strictest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It runs.
    Allow,
    /// A human decides.
    Ask,
    /// It does not run.
    Deny,
}

impl Decision {
    /// The word that policies and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The answers to calls of a tool of which no argument is known: `ask or deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Possible {
    /// If the arguments are such that least is said against it.
    pub loosest: Decision,
    /// As long as nothing is known of them.
    pub strictest: Decision,
}

impl fmt::Display for Possible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.loosest, self.strictest) {
            // a question may stand between the two
            (Decision::Allow, Decision::Deny) => formatter.pad("allow to deny"),
            (loosest, strictest) if loosest < strictest => formatter.pad(&format!("{loosest} or {strictest}")),
            (_, strictest) => formatter.pad(strictest.as_str()),
        }
    }
}

impl std::str::FromStr for Decision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "allow" => Ok(Self::Allow),
            "ask" => Ok(Self::Ask),
            "deny" => Ok(Self::Deny),
            other => Err(format!("`{other}` is not a decision; use allow, ask or deny")),
        }
    }
}

/// One line of a policy that took part in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What this line says.
    pub decision: Decision,
    /// The file as the person knows it: `policy.toml`, `policy.toml (not yet applied)`, `built-in`.
    pub file: String,
    /// One-based line of that file.
    pub line: usize,
    /// The rule's id, the `[tools]` name, or `defaults.write`.
    pub rule: String,
    /// The human's own words, where the rule has some.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

impl Reason {
    /// `policy.toml:12`; what no line says has only its file.
    pub fn place(&self) -> String {
        if self.line == 0 { self.file.clone() } else { format!("{}:{}", self.file, self.line) }
    }
}

/// A fact that a policy went by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactRead {
    /// `charge.currency`
    pub name: String,
    /// Could it be looked up? What could not be counts against the call.
    pub known: bool,
}

/// A decision and the lines that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What happens to the call.
    pub decision: Decision,
    /// The lines that say so, the deciding ones first; never empty.
    pub reasons: Vec<Reason>,
    /// What a yes takes, where it asks.
    #[serde(skip_serializing_if = "Requirement::is_plain", default)]
    pub requirement: Requirement,
    /// What the call uses of the limits of the rules that allow it; over one of them it asks.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub uses: Vec<Use>,
    /// The facts that it went by; their values are beside it in the record.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub facts: Vec<FactRead>,
    /// The digest of the policy that judged: pinned text, edited text and built-in together.
    pub policy: Digest,
}

impl Evaluation {
    /// A read of the product's own, such as verifying a credential at `connect`: no policy speaks of it.
    pub fn own_read() -> Self {
        Self {
            decision: Decision::Allow,
            reasons: vec![Reason {
                decision: Decision::Allow,
                file: "built-in".to_owned(),
                line: 0,
                rule: "agentport.own_read".to_owned(),
                text: None,
            }],
            requirement: Requirement::default(),
            uses: Vec::new(),
            facts: Vec::new(),
            policy: Digest::from([0; 32]),
        }
    }

    /// The same where a limit is used up: it asks, because of that.
    #[must_use]
    pub fn over(&self, over: &Use, used: i64) -> Self {
        let limiting = self.reasons.iter().find(|reason| reason.rule == over.rule);
        let (file, line) = limiting.map(|reason| (reason.file.clone(), reason.line)).unwrap_or_default();
        let text = Some(format!("over its limit, used is {}", over.of(used)));
        let reason = Reason { decision: Decision::Ask, file, line, rule: over.rule.clone(), text };
        let reasons = std::iter::once(reason).chain(self.reasons.iter().cloned()).collect();
        Self { decision: Decision::Ask, reasons, uses: Vec::new(), ..self.clone() }
    }

    /// The deciding line's name: what `denied` answers name as `rule`.
    pub fn rule(&self) -> &str {
        self.reasons.first().map_or("", |reason| reason.rule.as_str())
    }
}
