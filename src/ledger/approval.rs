//! An approval as pages, answers and the terminal see it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{
    approval::{PersonId, Strength},
    clock::Millis,
    findings::Findings,
    plan::{Digest, Plan},
    policy::{Evaluation, Requirement},
};

/// `pending → approved → executed`, or `denied`, `expired`, `cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of contract and log")]
pub enum ApprovalStatus {
    Pending,
    Approved,
    Executed,
    Denied,
    Expired,
    Cancelled,
}

impl ApprovalStatus {
    /// The word that database and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Executed => "executed",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn from_str(text: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Executed, Self::Denied, Self::Expired, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

impl fmt::Display for ApprovalStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Who ended a waiting approval without deciding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CancelledBy {
    /// The agent withdrew it.
    Agent,
    /// A human: the account was replaced, the factors were reset.
    Human,
    /// The definition, the account or its origin is not what it was.
    Change,
}

impl CancelledBy {
    /// The word that answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Human => "human",
            Self::Change => "change",
        }
    }
}

/// A yes of one person, whether or not more are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yes {
    /// Whose.
    pub person: PersonId,
    /// By which people knew them then.
    pub name: String,
    /// What it was said with.
    pub strength: Strength,
    /// Milliseconds since the Unix epoch.
    pub at: Millis,
    /// Is the person still one who may say yes?
    pub stands: bool,
    /// Was it to what is shown now? A yes to facts that have changed since is none to these.
    pub current: bool,
}

impl Yes {
    /// Does it count, where this much is asked for?
    pub fn counts(&self, requirement: &Requirement) -> bool {
        self.stands && self.current && self.strength >= requirement.approve
    }
}

/// How a human, or at the yes the policy, ended the waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HumanDecision {
    /// `approved` or `denied`.
    pub status: ApprovalStatus,
    /// Milliseconds since the Unix epoch.
    pub at: Millis,
    /// Who said the last yes; nobody for a denial.
    pub person: Option<String>,
    /// The factor that proved them; none for a recovery code.
    pub factor: Option<String>,
    /// What the human wrote for the agent.
    pub note: Option<String>,
    /// Was it the policy, judging again at the yes, that said no?
    pub by_policy: bool,
    /// Who cancelled it, where it was cancelled.
    pub cancelled_by: Option<CancelledBy>,
}

/// A human's decision about one plan, in whatever state.
#[derive(Debug, Clone)]
pub struct Approval {
    /// `apr_…`, 128 random bits. Not a secret: knowing it gives nothing.
    pub id: String,
    /// The record of the call: `rec_…`.
    pub record: String,
    /// What would be sent. `None` once its payload was pruned.
    pub plan: Option<Arc<Plan>>,
    /// Who asked.
    pub caller: String,
    /// The tool's policy name.
    pub tool: String,
    /// Why it was asked.
    pub evaluation: Option<Evaluation>,
    /// One line for people.
    pub summary: String,
    /// Where it stands, expiry taken into account.
    pub status: ApprovalStatus,
    /// Milliseconds since the Unix epoch.
    pub created_at: Millis,
    /// When it stops waiting, by the wall clock.
    pub expires_at: Millis,
    /// What was looked up for it last.
    pub findings: Option<Findings>,
    /// Has the outcome been given to the caller?
    pub delivered: bool,
    /// Has a human lifted its denial?
    pub reopened: bool,
    /// Who has said yes so far, the first one first.
    pub yeses: Vec<Yes>,
    /// Who ended the waiting and how.
    pub decision: Option<HumanDecision>,
    /// What came of it, and when.
    pub outcome: Option<(Outcome, Millis)>,
    /// Was the outcome's payload pruned?
    pub pruned: bool,
}

impl Approval {
    /// What a yes takes: by the policy when it was asked, and by what the policy says now.
    pub fn requirement(&self, now: Option<&Evaluation>) -> Requirement {
        let judged = self.evaluation.iter().chain(now);
        judged.fold(Requirement::default(), |all, judged| all.and(judged.requirement))
    }

    /// Who has said a yes that counts, where this much is asked for.
    pub fn approved_by(&self, requirement: &Requirement) -> Vec<&Yes> {
        self.yeses.iter().filter(|yes| yes.counts(requirement)).collect()
    }

    /// Who has said yes to facts that have changed since.
    pub fn lapsed(&self) -> impl Iterator<Item = &Yes> {
        self.yeses.iter().filter(|yes| yes.stands && !yes.current)
    }

    /// What a yes is for: the plan, and what was looked up and shown beside it. A yes to other facts is none to these.
    pub fn shown_digest(&self) -> Option<Digest> {
        let plan = self.plan.as_ref()?.digest();
        Some(match &self.findings {
            Some(findings) => findings.shown_with(plan),
            None => plan,
        })
    }
}

/// How often the like was asked: the same tool, account and caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lately {
    /// In all.
    pub asked: u32,
    /// With a yes.
    pub approved: u32,
    /// With a no.
    pub denied: u32,
    /// Done by the service.
    pub ran: u32,
}
