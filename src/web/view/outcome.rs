//! How an approval ended, in one sentence and with all that is known.

use super::{cell::Cell, json::pretty, when::When};
use crate::{
    clock::Millis,
    ledger::{Approval, ApprovalStatus, CancelledBy, HumanDecision, Outcome},
};

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum Standing {
    /// A human has to decide.
    Waiting,
    /// It was approved and is being sent.
    Sending,
    /// It is over.
    Ended(Box<End>),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct End {
    /// `Done`, `Denied`, `Outcome unknown`.
    pub(in crate::web) title: &'static str,
    /// What that means.
    pub(in crate::web) sentence: &'static str,
    /// The class in the style sheet.
    pub(in crate::web) class: &'static str,
    /// Was it sent, as far as anybody knows?
    pub(in crate::web) sent: bool,
    /// When.
    pub(in crate::web) when: Option<When>,
    /// Who said yes.
    pub(in crate::web) people: Vec<String>,
    /// What proved the last of them.
    pub(in crate::web) factor: Option<Cell>,
    /// What the human wrote.
    pub(in crate::web) note: Option<Cell>,
    /// The vendor's status.
    pub(in crate::web) http_status: Option<u16>,
    /// The vendor's words, or ours about the way there.
    pub(in crate::web) message: Option<Cell>,
    /// The vendor's answer.
    pub(in crate::web) result: Option<Cell>,
    /// Was the answer too large to keep?
    pub(in crate::web) truncated: bool,
}

/// The word, the sentence and the class of an end.
type Words = (&'static str, &'static str, &'static str);

impl Standing {
    /// Where `approval` stands at `now`.
    pub(super) fn new(approval: &Approval, now: Millis) -> Self {
        match approval.status {
            ApprovalStatus::Pending if now < approval.expires_at => Self::Waiting,
            ApprovalStatus::Approved => Self::Sending,
            ApprovalStatus::Pending
            | ApprovalStatus::Executed
            | ApprovalStatus::Denied
            | ApprovalStatus::Expired
            | ApprovalStatus::Cancelled => Self::Ended(Box::new(End::new(approval, now))),
        }
    }

    /// What stands over the request.
    pub(in crate::web) fn request_title(&self) -> &'static str {
        match self {
            Self::Waiting => "Exactly what will be sent",
            Self::Sending => "Exactly what is being sent",
            Self::Ended(end) if end.sent => "Exactly what was sent",
            Self::Ended(_) => "What would have been sent",
        }
    }
}

impl End {
    fn new(approval: &Approval, now: Millis) -> Self {
        let (title, sentence, class) = words(approval);
        let decision = approval.decision.as_ref();
        let at = approval.outcome.as_ref().map(|(_, at)| *at).or_else(|| decision.map(|decision| decision.at));
        let sent = approval.status == ApprovalStatus::Executed;
        let mut end = Self {
            title,
            sentence,
            class,
            sent,
            when: at.map(|at| When::new(at, now)),
            people: if sent { approval.yeses.iter().map(|yes| yes.name.clone()).collect() } else { Vec::new() },
            factor: decision.and_then(|decision| decision.factor.as_deref()).map(Cell::line),
            note: decision.and_then(|decision| decision.note.as_deref()).map(Cell::text),
            http_status: None,
            message: None,
            result: None,
            truncated: false,
        };
        match approval.outcome.as_ref().map(|(outcome, _)| outcome) {
            Some(Outcome::Succeeded { result, http_status, truncated, next: _ }) => {
                end.http_status = *http_status;
                end.truncated = *truncated;
                end.result = Some(pretty(result)).filter(|_| !result.is_null());
            }
            Some(Outcome::Failed { http_status, message, body, kind: _ }) => {
                end.http_status = *http_status;
                end.message = Some(Cell::text(message));
                end.result = body.as_ref().map(pretty);
            }
            Some(Outcome::Unknown { http_status, message }) => {
                end.http_status = *http_status;
                end.message = Some(Cell::text(message));
            }
            None => {}
        }
        end
    }
}

/// The word of the inbox, the sentence of the page, and the class.
pub(super) fn words(approval: &Approval) -> Words {
    match approval.status {
        ApprovalStatus::Approved => ("Being sent", "It was approved and is being sent now.", "neutral"),
        ApprovalStatus::Executed => match approval.outcome.as_ref().map(|(outcome, _)| outcome) {
            Some(Outcome::Succeeded { .. }) => ("Done", "It was approved and sent, and the service did it.", "good"),
            Some(Outcome::Failed { .. }) => ("Failed", "It was approved, and it did not happen.", "bad"),
            Some(Outcome::Unknown { .. }) | None => (
                "Outcome unknown",
                "It was approved and sent, but the answer is not known. It may have happened: look at the service before anyone tries again.",
                "bad",
            ),
        },
        ApprovalStatus::Denied => match approval.decision.as_ref() {
            Some(HumanDecision { by_policy: true, .. }) => {
                ("Denied", "The policy denied it when somebody came to decide. Nothing was sent.", "neutral")
            }
            Some(_) | None => ("Denied", "A human denied it. Nothing was sent.", "neutral"),
        },
        // one that waits has no words here; its time being over is the only end that it can have
        ApprovalStatus::Pending | ApprovalStatus::Expired => {
            ("Expired", "Nobody decided in time. Nothing was sent.", "neutral")
        }
        ApprovalStatus::Cancelled => match approval.decision.as_ref().and_then(|decision| decision.cancelled_by) {
            Some(CancelledBy::Agent) => ("Withdrawn", "The agent took it back. Nothing was sent.", "neutral"),
            Some(CancelledBy::Human) => {
                ("Cancelled", "A human replaced the account or reset the factors. Nothing was sent.", "neutral")
            }
            Some(CancelledBy::Change) | None => (
                "Cancelled",
                "The tool, the account or its address changed after it was asked. Nothing was sent.",
                "neutral",
            ),
        },
    }
}
