//! The answer to an agent: one object, whose `status` says what happened and whose fields say what to do next.
//!
//! No answer names a command, a route or a code that approves or enrols, or hints at a way round.

use serde_json::{Map, Value, json};

use crate::{
    catalog::Problem,
    clock::rfc3339,
    ledger::{Approval, ApprovalStatus, CancelledBy, FailureKind, Outcome, Told},
};

/// What a call led to.
#[derive(Debug, Clone)]
pub enum Reply {
    /// It ran and succeeded, failed, or may have happened.
    Completed {
        /// How it ended.
        outcome: Outcome,
        /// The record of the call.
        record: String,
        /// Set where this is the outcome of an approved call, given again: when it ran.
        replayed: Option<i64>,
        /// Was the answer's payload pruned from the log?
        pruned: bool,
    },
    /// A human has to decide first.
    ApprovalRequired {
        /// What waits.
        approval: Box<Approval>,
        /// Where a human decides; `None` where this computer itself has to be looked at.
        url: Option<String>,
        /// Was anybody told but the agent?
        told: Told,
    },
    /// It waits still, or is being sent.
    Pending {
        /// What waits.
        approval: Box<Approval>,
        /// Where a human decides.
        url: Option<String>,
        /// How often await has been asked, from 1.
        asked: u32,
        /// Was anybody told but the agent?
        told: Told,
    },
    /// It does not run.
    Denied {
        /// Who says so.
        by: DeniedBy,
        /// The rule, where there is one.
        rule: Option<String>,
        /// In words.
        message: String,
        /// What the human wrote.
        note: Option<String>,
        /// Seconds after which trying again can help.
        retry_after: Option<u64>,
    },
    /// The waiting was ended without a decision.
    Cancelled {
        /// Who ended it.
        by: CancelledBy,
        /// What waited.
        approval: Box<Approval>,
        /// Where it was.
        url: Option<String>,
    },
    /// Nobody decided in time.
    Expired {
        /// What waited.
        approval: Box<Approval>,
        /// Where it was.
        url: Option<String>,
    },
    /// The arguments do not fit.
    InvalidArguments(Vec<Problem>),
    /// No such tool, or no such approval of yours.
    NotFound {
        /// In words.
        message: String,
        /// The nearest name that exists.
        closest: Option<String>,
    },
    /// It did not run, and not because of a decision.
    Failed {
        /// Why, for machines.
        kind: FailureKind,
        /// Why, for models.
        message: String,
        /// The record, where there is one.
        record: Option<String>,
    },
    /// A built-in tool's own answer.
    Plain(Map<String, Value>),
    /// Several approvals at once, as await without an id gives them.
    Several(Vec<Reply>),
}

/// Who says that a call does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum DeniedBy {
    Policy,
    Human,
    Limit,
    Lock,
}

impl DeniedBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Human => "human",
            Self::Limit => "limit",
            Self::Lock => "lock",
        }
    }
}

/// Seconds to wait before asking again, by how often one has asked.
const PATIENCE: [u64; 4] = [0, 60, 300, 1800];

impl Reply {
    /// A failure that was not recorded.
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Failed { kind, message: message.into(), record: None }
    }

    /// The one thing that an agent learns of an unfinished set-up.
    pub fn needs_set_up(what: &str) -> Self {
        Self::failed(
            FailureKind::Setup,
            format!("{what}; a human must finish the set-up of agentport on this computer"),
        )
    }

    /// The word of the answer's `status`.
    pub fn status(&self) -> &'static str {
        match self {
            Self::Completed { outcome, .. } => match outcome {
                Outcome::Succeeded { .. } => "completed",
                Outcome::Failed { .. } => "failed",
                Outcome::Unknown { .. } => "unknown",
            },
            Self::ApprovalRequired { .. } => "approval_required",
            Self::Pending { .. } => "pending",
            Self::Denied { .. } => "denied",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired { .. } => "expired",
            Self::InvalidArguments(_) => "invalid_arguments",
            Self::NotFound { .. } => "not_found",
            Self::Failed { .. } => "failed",
            Self::Plain(_) | Self::Several(_) => "completed",
        }
    }

    /// Is it `isError` in MCP? What waits for a human is not.
    pub fn is_error(&self) -> bool {
        match self {
            Self::ApprovalRequired { .. } | Self::Pending { .. } | Self::Plain(_) | Self::Several(_) => false,
            Self::Completed { outcome, .. } => !matches!(outcome, Outcome::Succeeded { .. }),
            Self::Denied { .. }
            | Self::Cancelled { .. }
            | Self::Expired { .. }
            | Self::InvalidArguments(_)
            | Self::NotFound { .. }
            | Self::Failed { .. } => true,
        }
    }

    /// The object of contract section 3.
    pub fn to_json(&self) -> Value {
        let mut answer = match self {
            Self::Completed { outcome, record, replayed, pruned } => completed(outcome, record, *replayed, *pruned),
            Self::ApprovalRequired { approval, url, told } => json!({
                "executed": false,
                "approval": approval_json(approval, url.as_deref()),
                "next": next(&approval.id, 0),
                "message": format!("{} {}", required_message(url.as_deref()), told_message(*told)),
            }),
            Self::Pending { approval, url, asked, told } => {
                let running = approval.status == ApprovalStatus::Approved;
                let step = usize::try_from(*asked).unwrap_or(usize::MAX).min(PATIENCE.len() - 1);
                let wait = if running { 0 } else { PATIENCE.get(step).copied().unwrap_or(0) };
                let mut answer = json!({
                    "approval": approval_json(approval, url.as_deref()),
                    "next": next(&approval.id, wait),
                });
                // what is being sent may have happened by now
                if !running {
                    insert(&mut answer, "executed", json!(false));
                }
                let message = if running {
                    "a human approved it and it is being sent now"
                } else if *asked >= 3 {
                    "no human has decided yet; you may end your turn: it runs when a human approves, and the outcome waits here"
                } else {
                    "no human has decided yet"
                };
                let message = match told {
                    Told::Nobody | Told::Undelivered if !running => format!("{message}. {}", told_message(*told)),
                    Told::Nobody | Told::Undelivered | Told::Soon | Told::Somebody => message.to_owned(),
                };
                insert(&mut answer, "message", json!(message));
                answer
            }
            Self::Denied { by, rule, message, note, retry_after } => {
                let mut answer = json!({"by": by.as_str(), "message": message});
                for (key, value) in [
                    ("rule", rule.as_ref().map(|rule| json!(rule))),
                    ("note", note.as_ref().map(|note| json!(note))),
                    ("retry_after", retry_after.map(|seconds| json!(seconds))),
                ] {
                    if let Some(value) = value {
                        insert(&mut answer, key, value);
                    }
                }
                answer
            }
            Self::Cancelled { by, approval, url } => json!({
                "by": by.as_str(),
                "approval": approval_json(approval, url.as_deref()),
                "message": match by {
                    CancelledBy::Agent => "it was withdrawn; nothing was sent",
                    CancelledBy::Human => "a human cancelled what waited; nothing was sent",
                    CancelledBy::Change => "the tool or the account changed while it waited; nothing was sent; call again to ask anew",
                },
            }),
            Self::Expired { approval, url } => json!({
                "approval": approval_json(approval, url.as_deref()),
                "message": "no human decided in time; nothing was sent; call again to ask anew",
            }),
            Self::InvalidArguments(problems) => json!({"problems": problems}),
            Self::NotFound { message, closest } => {
                let mut answer = json!({"message": message});
                if let Some(closest) = closest {
                    insert(&mut answer, "closest", json!(closest));
                }
                answer
            }
            Self::Failed { kind, message, record } => {
                let mut answer = json!({"error": {"kind": kind.as_str(), "message": message}});
                if let Some(record) = record {
                    insert(&mut answer, "record", json!(record));
                }
                answer
            }
            Self::Plain(map) => Value::Object(map.clone()),
            Self::Several(replies) => json!({"approvals": replies.iter().map(Self::to_json).collect::<Vec<_>>()}),
        };
        insert(&mut answer, "status", json!(self.status()));
        answer
    }
}

fn completed(outcome: &Outcome, record: &str, replayed: Option<i64>, pruned: bool) -> Value {
    let mut answer = match outcome {
        Outcome::Succeeded { result, truncated, next, .. } => {
            let mut answer = json!({"result": result});
            if let Some(next) = next {
                insert(&mut answer, "next", next.clone());
            }
            if *truncated && !pruned {
                insert(&mut answer, "truncated", json!(true));
            }
            answer
        }
        Outcome::Failed { kind, http_status, message, body } => {
            let mut error = json!({"kind": kind.as_str(), "message": message});
            if let Some(http_status) = http_status {
                insert(&mut error, "http_status", json!(http_status));
            }
            if let Some(body) = body {
                insert(&mut error, "body", body.clone());
            }
            json!({"error": error})
        }
        Outcome::Unknown { http_status, message } => {
            let mut answer = json!({"message": message});
            if let Some(http_status) = http_status {
                insert(&mut answer, "http_status", json!(http_status));
            }
            answer
        }
    };
    insert(&mut answer, "record", json!(record));
    if pruned {
        insert(&mut answer, "pruned", json!(true));
    }
    if let Some(at) = replayed {
        insert(&mut answer, "replayed", json!(true));
        insert(&mut answer, "executed_at", json!(rfc3339(at)));
    }
    answer
}

/// What every answer says of an approval.
fn approval_json(approval: &Approval, url: Option<&str>) -> Value {
    json!({
        "id": approval.id,
        "url": url,
        "tool": approval.tool,
        "summary": approval.summary,
        "expires_at": rfc3339(approval.expires_at),
    })
}

fn next(id: &str, after_seconds: u64) -> Value {
    json!({"tool": "agentport_await_approval", "arguments": {"approval_id": id}, "after_seconds": after_seconds})
}

fn required_message(url: Option<&str>) -> &'static str {
    match url {
        Some(_) => {
            "nothing was sent yet: a human must approve this exact call first. Share this link with a human, then call \
             the tool in `next`; it returns the outcome once a human has decided. Do not change the arguments."
        }
        None => {
            "nothing was sent yet: a human must approve this exact call first, and has to look at the computer that \
             agentport runs on, because the approval page could not be opened here. Tell a human, then call the tool in `next`."
        }
    }
}

/// Whether the human knows of it by now, which decides what the agent has to do.
fn told_message(told: Told) -> &'static str {
    match told {
        Told::Nobody => "Nobody was told of it but you: no human knows until you pass the link on.",
        Told::Undelivered => {
            "No message about it could be delivered, so that no human knows until you pass the link on."
        }
        Told::Soon => "A message to a human about it is on its way too.",
        Told::Somebody => "A message to a human about it was delivered too.",
    }
}

fn insert(value: &mut Value, key: &str, entry: Value) {
    if let Value::Object(map) = value {
        map.insert(key.to_owned(), entry);
    }
}
