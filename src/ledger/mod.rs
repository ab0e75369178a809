//! What was asked, decided and done. The only minter of [`Permit`].
//!
//! `admission` says, without any I/O, what a call's situation leads to; `sqlite` looks the situation up, spends and
//! records in one transaction; `chain` makes any later change of a line visible. A further store implements [`Ledger`]
//! and passes `conformance`. Nothing here sends anything or opens a secret.

mod admission;
mod agent;
mod approval;
pub mod chain;
#[cfg(test)]
pub(crate) mod conformance;
mod outcome;
mod permit;
mod record;
pub mod sqlite;
mod together;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::{
    admission::{Situation, Standing, Verdict, admission},
    agent::{Agent, Reach},
    approval::{Approval, ApprovalStatus, CancelledBy, HumanDecision, Lately, Yes},
    chain::{Bad, Verified, unchecked_text},
    outcome::{FailureKind, Outcome},
    permit::Permit,
    record::{Line, LineFilter, Refusal, known_standings, standings},
    sqlite::{Factor, Grant, Runner, Sqlite, Told},
    together::{MOST_TOGETHER, together},
};
use crate::{
    approval::{Approver, PersonId, Purpose},
    call::{CallKey, Caller},
    clock::{Millis, Now},
    findings::Findings,
    plan::Plan,
    policy::Evaluation,
};

/// A call that wants to run: everything that admission looks at and the record keeps.
#[derive(Debug, Clone)]
pub struct Admit {
    /// The exact request.
    pub plan: Arc<Plan>,
    /// Finds the approval of the same call.
    pub key: CallKey,
    /// What the policy says of it now.
    pub evaluation: Evaluation,
    /// What was looked up for the verdict, where the policy goes by facts.
    pub findings: Option<Findings>,
    /// One line for people.
    pub summary: String,
    /// Milliseconds that a new approval waits.
    pub expires_in: Millis,
    /// How many approvals of this caller may wait.
    pub max_pending: u32,
    /// How many this caller may ask for in an hour.
    pub hourly: u32,
}

/// What became of a call that wanted to run.
#[derive(Debug)]
pub enum Admission {
    /// It may be sent, once, now.
    Permit(Permit),
    /// A human has to decide; or has, and it is being sent.
    Pending(Box<Approval>),
    /// An approved call that has run; this is the first repeat that fetches its outcome.
    Settled(Box<Approval>),
    /// It does not run.
    Denied(Denial),
    /// Nobody could approve it: no factor is enrolled.
    NoFactor,
}

/// Why a call does not run.
#[derive(Debug)]
pub enum Denial {
    /// The policy says so.
    Policy,
    /// A human said no to this very call, and the answer still stands.
    Human(Box<Approval>),
    /// A human locked everything.
    Lock,
    /// Too many approvals of this caller wait, or were asked for.
    Limit {
        /// The setting: `max_pending` or `hourly`.
        setting: &'static str,
        /// Seconds after which trying again can help.
        retry_after: u64,
    },
}

/// A human's answer.
#[derive(Debug)]
pub enum Answer {
    /// Yes, with the proof of who says so.
    Approve(Approver),
    /// Yes, and this standing permission with it, with the proof of both.
    Grant(Approver, Box<Grant>),
    /// No, with a note for the agent.
    Deny {
        /// What the human wrote.
        note: Option<String>,
    },
}

/// What became of a human's answer.
#[derive(Debug)]
pub enum Decided {
    /// Spent and recorded: send it.
    Permit(Permit),
    /// The yes is recorded, and somebody else's is needed too. The approval as it stands.
    OneMore(Box<Approval>),
    /// This person's yes counts already; nothing was spent.
    SaidAlready,
    /// The rule takes a passkey and nothing less; nothing was spent.
    TooWeak,
    /// The no is recorded.
    Denied,
    /// The answer came too late or twice; nothing was spent. The approval as it stands.
    Conflict(Box<Approval>),
    /// The code was used before; nothing was decided.
    CodeUsed,
    /// The clock stands before the last record: no yes until it has passed it.
    ClockBehind,
    /// No such approval.
    NotFound,
}

/// Why the ledger did not answer. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database.
    #[error("the ledger cannot be used ({0}); nothing was executed")]
    Database(#[from] rusqlite::Error),
    /// Files around it.
    #[error("{0}")]
    File(#[from] crate::files::FileError),
    /// It holds something that we did not write.
    #[error("the ledger holds what it should not: {0}; run `agentport log verify`")]
    Corrupt(String),
    /// A newer version wrote it.
    #[error(
        "the home was written by a newer version of agentport (schema {0}); update agentport, or put back the copy \
         that the newer one kept: `agentport.db.schema-…` beside `agentport.db`"
    )]
    Newer(i64),
    /// A newer version changed it under this process.
    #[error("agentport was updated while this process ran (schema {0}); nothing was executed; restart this process")]
    Updated(i64),
    /// The worker is gone.
    #[error("the ledger's worker stopped; nothing was executed")]
    Stopped,
    /// No randomness for an id.
    #[error("the operating system gave no random bytes; nothing was executed")]
    Random(#[from] getrandom::Error),
}

/// An attempt at a code, counted before the code is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Go on; a right code takes the count back.
    Counted,
    /// Too many wrong ones: not before this time.
    Locked {
        /// Milliseconds since the Unix epoch.
        until: Millis,
    },
}

/// The store of calls, decisions and outcomes. Each method is one transaction: it happened as a whole or not at all.
#[async_trait]
pub trait Ledger: Send + Sync + std::fmt::Debug {
    /// Looks the call up, spends, records; durable before it returns a permit.
    async fn admit(&self, admit: Admit, now: Now) -> Result<Admission, LedgerError>;
    /// A human's answer: checks that the approval waits, burns the code, records, and for a yes mints the permit.
    async fn decide(
        &self,
        approval: &str,
        answer: Answer,
        evaluation: &Evaluation,
        now: Now,
    ) -> Result<Decided, LedgerError>;
    /// One yes for several approvals that may be decided together, each claimed by itself; in the given order.
    async fn decide_together(
        &self,
        approver: Approver,
        asked: Vec<(String, Evaluation)>,
        now: Now,
    ) -> Result<Vec<Decided>, LedgerError>;
    /// How a permitted call ended. `false`: it had been settled already.
    async fn settle(&self, record: &str, outcome: &Outcome, now: Now) -> Result<bool, LedgerError>;
    /// Keeps what was looked up for an approval that waits; the last word counts. `false`: it was not waiting.
    async fn note_findings(&self, approval: &str, findings: &Findings, now: Now) -> Result<bool, LedgerError>;
    /// Ends a waiting approval without a decision. `false`: it was not waiting.
    async fn cancel(&self, approval: &str, by: CancelledBy, now: Now) -> Result<bool, LedgerError>;
    /// Ends a waiting approval because the policy denies it now. `false`: it was not waiting.
    async fn deny_by_policy(&self, approval: &str, evaluation: &Evaluation, now: Now) -> Result<bool, LedgerError>;
    /// Lifts a remembered denial. `false`: there was none.
    async fn reopen(&self, approval: &str, now: Now) -> Result<bool, LedgerError>;
    /// Writes down a call that was refused before admission.
    async fn refuse(&self, refusal: Refusal, now: Now) -> Result<(), LedgerError>;
    /// One approval.
    async fn approval(&self, id: &str) -> Result<Option<Approval>, LedgerError>;
    /// All that wait, are running, or are undelivered; of one caller or of all. Oldest first.
    async fn open_approvals(&self, caller: Option<&Caller>) -> Result<Vec<Approval>, LedgerError>;
    /// The newest approvals of any status.
    async fn recent_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError>;
    /// Await has been asked once more; how often so far.
    async fn awaited(&self, approval: &str) -> Result<u32, LedgerError>;
    /// Await has delivered the outcome: a repeat of the call is a new call.
    async fn deliver(&self, approval: &str) -> Result<(), LedgerError>;
    /// When the same call last ran, before this approval.
    async fn last_ran(&self, approval: &str) -> Result<Option<Millis>, LedgerError>;
    /// How often the same caller asked for the same tool on the same account in the week before this approval.
    async fn lately(&self, approval: &str) -> Result<Lately, LedgerError>;
    /// Expires what is due, and settles as `unknown` what a process that is gone was sending.
    async fn sweep(&self, now: Now) -> Result<(), LedgerError>;

    /// The factors that a code can be checked against, less their seeds.
    async fn factors(&self) -> Result<Vec<Factor>, LedgerError>;
    /// Counts an attempt of a person, before the code is looked at.
    async fn begin_attempt(&self, person: &PersonId, purpose: Purpose, now: Now) -> Result<Attempt, LedgerError>;
    /// Takes an attempt back: the code was right, or never looked at.
    async fn forgive_attempt(&self, person: &PersonId, purpose: Purpose) -> Result<(), LedgerError>;
}
