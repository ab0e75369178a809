//! A human's answer: the same path from the other side. The stored plan is judged again, the credential opened, then
//! checked, spent and recorded in one transaction, and sent at once.

use std::sync::Arc;

use super::{
    Gateway, Parts, Presented, ProveError,
    sending::{Full, Slot},
};
use crate::{
    account::Account,
    approval::{Approver, Claim, PersonId, Purpose, Strength},
    findings::Findings,
    ledger::{Answer, Approval, ApprovalStatus, CancelledBy, Decided, Grant, LedgerError, Outcome, Permit},
    plan::{Digest, Plan},
    policy::{Bounds, Decision, Evaluation, Facts, GrantError},
    snapshot::Snapshot,
    upstream::Credential,
};

/// Why an answer was not taken. For the human, at the terminal or on the page.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// No such approval.
    #[error("there is no such approval")]
    NotFound,
    /// It does not wait any more; as it stands.
    #[error("it is {} already; nothing was changed", .0.status)]
    AlreadyDecided(Box<Approval>),
    /// The policy denies it now.
    #[error("the policy denies this call now (`{}`); it was denied and nothing was sent", .0.rule())]
    PolicyDenies(Box<Evaluation>),
    /// The tool or the account is not what it was.
    #[error("{0} changed since this was asked; it was cancelled and nothing was sent; the agent must ask again")]
    Changed(&'static str),
    /// What was looked up for the human is not what it was.
    #[error("what you were shown has changed ({0}); nothing was sent, look again")]
    FactsChanged(String),
    /// The secret cannot be opened; it waits on.
    #[error("{0}; nothing was spent, it still waits")]
    Credential(String),
    /// What was shown.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The rule takes a passkey and nothing less.
    #[error("this takes a passkey: open the approval's page and use yours there; nothing was spent, it still waits")]
    TooWeak,
    /// This person has said yes.
    #[error("you have said yes to this already; somebody else has to say it too")]
    SaidAlready,
    /// There can be no such grant.
    #[error("{0}; nothing was sent, nothing granted")]
    Grant(#[from] GrantError),
    /// The clock was set back.
    #[error(
        "this computer's clock stands before the last record of the log; nothing can be approved until it has passed it"
    )]
    ClockBehind,
    /// Too much at once.
    #[error("too many calls are being sent; nothing was spent, try again")]
    Busy,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no home, or it cannot be read.
    #[error("{0}")]
    Home(String),
}

/// What became of a yes.
#[derive(Debug)]
pub enum Said {
    /// It was the last one needed: this came of sending.
    Sent(Outcome),
    /// It is recorded, and somebody else's is needed too. The approval as it stands.
    OneMore(Box<Approval>),
}

impl Gateway {
    /// Yes. Where it is the last one needed, returns when the plan has been sent and its outcome is recorded.
    ///
    /// # Errors
    /// Why it was not taken; then nothing was sent.
    pub async fn approve(self: &Arc<Self>, id: &str, shown: &Presented<'_>) -> Result<Said, DecideError> {
        self.approve_with(id, shown, None).await
    }

    /// Yes, with a grant where there are bounds for one, or where a passkey signed one.
    pub(super) async fn approve_with(
        self: &Arc<Self>,
        id: &str,
        shown: &Presented<'_>,
        bounds: Option<&Bounds>,
    ) -> Result<Said, DecideError> {
        let coded = matches!(shown, Presented::Code(..));
        let Ready { parts, snapshot, approval, plan, evaluation, digest, credential, slot } =
            self.ready(id, coded).await?;
        let findings = approval.findings.as_ref();
        let grant = match shown {
            Presented::Code(..) => {
                bounds.map(|bounds| self.grant(&snapshot, id, &plan, findings, bounds)).transpose()?
            }
            // fixed when it was asked to sign
            Presented::Passkey { assertion, .. } => Self::kept_grant(&parts, assertion).await?,
        };
        let gives = grant.is_some();
        let asked = id.to_owned();
        let claim = match &grant {
            None => Claim::Approve { approval: asked, digest },
            Some(grant) => Claim::Grant { approval: asked, digest, grant: grant.digest() },
        };
        let approver = self.prove(&parts, claim, shown).await?;
        if let Some(grant) = &grant {
            // what was signed two minutes ago may be forbidden by now
            self.try_grant(&snapshot, &plan, findings, grant)?;
        }
        // a task of its own: a page that is closed between the yes and its sending must not take the permit along
        let (gateway, id) = (Arc::clone(self), id.to_owned());
        let deciding = self.sending.tasks.spawn(async move {
            Ok(match gateway.spend(&parts, &id, approver, grant, &evaluation).await? {
                Spent::Permit(permit) => Said::Sent(gateway.execute(&parts, permit, credential, slot).await),
                Spent::OneMore(approval) => Said::OneMore(approval),
            })
        });
        let said = deciding.await.unwrap_or(Err(DecideError::Ledger(LedgerError::Stopped)));
        if gives {
            self.copy_grants();
        }
        said
    }

    /// All that has to be true before a yes is looked at: it waits, the policy does not deny it, what was shown is still
    /// so, its credential opens, and there is a place on the wire.
    pub(super) async fn ready(self: &Arc<Self>, id: &str, coded: bool) -> Result<Ready, DecideError> {
        let (parts, snapshot, approval) = self.waiting(id).await?;
        let plan = approval.plan.clone().ok_or(DecideError::NotFound)?;
        let mut evaluation = self.judge_again(&parts, &snapshot, id, &plan, approval.findings.as_ref()).await?;
        if coded && approval.requirement(Some(&evaluation)).approve == Strength::Passkey {
            return Err(DecideError::TooWeak);
        }
        // nobody looked yet: then this is the look, and the yes is for what it found
        let approval = if approval.findings.is_none() {
            self.fresh(approval).await?
        } else {
            let findings = self.still_true(&parts, &snapshot, &approval).await?;
            Approval { findings, ..approval }
        };
        if !evaluation.facts.is_empty() {
            evaluation = self.judge_by_facts(&parts, &snapshot, &approval, &plan).await?;
        }
        // a task of its own, too: opening may renew a sign-in, and a page that is closed must not cut that off
        let account = snapshot.account(plan.integration(), plan.account()).cloned();
        let account = account.ok_or(DecideError::Changed("the account"))?;
        let opening = {
            let (parts, plan) = (Arc::clone(&parts), plan.clone());
            self.sending.tasks.spawn(async move { parts.credentials.open(&plan, &account).await })
        };
        let opened = opening.await.map_err(|_| DecideError::Credential("the credential was not opened".to_owned()))?;
        let credential = opened.map_err(|error| DecideError::Credential(error.to_string()))?;
        let slot = self.sending.slot().map_err(|full| match full {
            Full::Busy => DecideError::Busy,
            Full::Wounded => DecideError::Ledger(LedgerError::Stopped),
        })?;
        let digest = approval.shown_digest().ok_or(DecideError::NotFound)?;
        Ok(Ready { parts, snapshot, approval, plan, evaluation, digest, credential, slot })
    }

    /// The deciding transaction.
    async fn spend(
        &self,
        parts: &Parts,
        id: &str,
        approver: Approver,
        grant: Option<Grant>,
        evaluation: &Evaluation,
    ) -> Result<Spent, DecideError> {
        let person = approver.person().clone();
        let coded = approver.proof().strength() == Strength::Any;
        let answer = match grant {
            None => Answer::Approve(approver),
            Some(grant) => Answer::Grant(approver, Box::new(grant)),
        };
        let decided = parts.ledger.decide(id, answer, evaluation, self.clock.now()).await?;
        if coded && is_unspent(&decided) {
            // the code was right and is not spent
            parts.ledger.forgive_attempt(&person, Purpose::Decide).await?;
        }
        spent(decided, id, &person)
    }

    /// No. Needs no code.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn deny(self: &Arc<Self>, id: &str, note: Option<String>) -> Result<(), DecideError> {
        let (parts, _, approval) = self.waiting(id).await?;
        let evaluation = approval.evaluation.unwrap_or_else(Evaluation::own_read);
        match parts.ledger.decide(id, Answer::Deny { note }, &evaluation, self.clock.now()).await? {
            Decided::Denied => Ok(()),
            Decided::Conflict(approval) => Err(DecideError::AlreadyDecided(approval)),
            Decided::Permit(_)
            | Decided::OneMore(_)
            | Decided::SaidAlready
            | Decided::TooWeak
            | Decided::CodeUsed
            | Decided::ClockBehind
            | Decided::NotFound => Err(DecideError::NotFound),
        }
    }

    /// Lifts a remembered denial: the same call may be asked again.
    ///
    /// # Errors
    /// There is no such denial.
    pub async fn reopen(self: &Arc<Self>, id: &str) -> Result<(), DecideError> {
        let parts = self.open_parts()?;
        if parts.ledger.reopen(id, self.clock.now()).await? { Ok(()) } else { Err(DecideError::NotFound) }
    }

    /// What the policy says of an approval's plan now, as a page shows it before the human decides; nothing where the plan
    /// or its tool is gone.
    ///
    /// # Errors
    /// The home cannot be read.
    pub fn judgement(&self, approval: &Approval) -> Result<Option<Evaluation>, DecideError> {
        let parts = self.open_parts()?;
        let snapshot = parts.snapshots.current().map_err(|error| DecideError::Home(error.to_string()))?;
        let (now, findings) = (self.clock.now().wall, approval.findings.as_ref());
        let judge = |plan: &Plan| {
            let tool = snapshot.catalog.find(&plan.tool())?;
            Some(snapshot.policy.evaluate(&Facts::of_plan(tool, plan, now).with(findings)))
        };
        Ok(approval.plan.as_deref().and_then(judge))
    }

    pub(super) async fn waiting(&self, id: &str) -> Result<(Arc<Parts>, Arc<Snapshot>, Approval), DecideError> {
        let parts = self.open_parts()?;
        parts.ledger.sweep(self.clock.now()).await?;
        let snapshot = parts.snapshots.current().map_err(|error| DecideError::Home(error.to_string()))?;
        let approval = parts.ledger.approval(id).await?.ok_or(DecideError::NotFound)?;
        if approval.status != ApprovalStatus::Pending {
            return Err(DecideError::AlreadyDecided(Box::new(approval)));
        }
        Ok((parts, snapshot, approval))
    }

    /// `deny` now is denied by policy; a changed definition, account or origin is cancelled; an `allow` now still needs
    /// the yes. Where the verdict goes by facts it is given when they have been looked up once more.
    async fn judge_again(
        &self,
        parts: &Parts,
        snapshot: &Snapshot,
        id: &str,
        plan: &Plan,
        findings: Option<&Findings>,
    ) -> Result<Evaluation, DecideError> {
        let now = self.clock.now();
        let account = snapshot.account(plan.integration(), plan.account());
        let tool = snapshot.catalog.find(&plan.tool()).filter(|tool| plan.definition() == tool.definition().into());
        let changed = match (tool, account) {
            (None, _) => Some("the tool's definition"),
            (Some(_), _) if !snapshot.reaches(plan.caller(), plan.integration()) => Some("what its agent may reach"),
            (Some(_), Some(account)) if same(account, plan) => None,
            (Some(_), Some(_) | None) => Some("the account"),
        };
        let (Some(tool), None) = (tool, changed) else {
            parts.ledger.cancel(id, CancelledBy::Change, now).await?;
            return Err(DecideError::Changed(changed.unwrap_or("the account")));
        };
        let evaluation = snapshot.policy.evaluate(&Facts::of_plan(tool, plan, now.wall).with(findings));
        if evaluation.facts.is_empty() { self.unless_denied(parts, id, evaluation).await } else { Ok(evaluation) }
    }

    /// The verdict by the facts as they are at the yes; these are kept, so that the record has what it went by.
    async fn judge_by_facts(
        &self,
        parts: &Parts,
        snapshot: &Snapshot,
        approval: &Approval,
        plan: &Plan,
    ) -> Result<Evaluation, DecideError> {
        let tool = snapshot.catalog.find(&plan.tool()).ok_or(DecideError::NotFound)?;
        let now = self.clock.now();
        let findings = approval.findings.as_ref();
        if let Some(findings) = findings {
            parts.ledger.note_findings(&approval.id, findings, now).await?;
        }
        let evaluation = snapshot.policy.evaluate(&Facts::of_plan(tool, plan, now.wall).with(findings));
        self.unless_denied(parts, &approval.id, evaluation).await
    }

    /// Ends the waiting where the policy denies it.
    async fn unless_denied(&self, parts: &Parts, id: &str, evaluation: Evaluation) -> Result<Evaluation, DecideError> {
        if evaluation.decision == Decision::Deny {
            parts.ledger.deny_by_policy(id, &evaluation, self.clock.now()).await?;
            return Err(DecideError::PolicyDenies(Box::new(evaluation)));
        }
        Ok(evaluation)
    }

    /// The open home, for a human.
    ///
    /// # Errors
    /// There is none.
    pub fn open_parts(&self) -> Result<Arc<Parts>, DecideError> {
        let parts = self.try_parts().map_err(DecideError::Home)?;
        parts.ok_or_else(|| DecideError::Home("there is no home here; run `agentport init`".to_owned()))
    }
}

/// What a yes needs, and all that was checked before it.
pub(super) struct Ready {
    pub(super) parts: Arc<Parts>,
    snapshot: Arc<Snapshot>,
    pub(super) approval: Approval,
    plan: Arc<Plan>,
    pub(super) evaluation: Evaluation,
    /// What the yes is for.
    pub(super) digest: Digest,
    pub(super) credential: Credential,
    pub(super) slot: Slot,
}

/// The deciding transaction went through.
pub(super) enum Spent {
    Permit(Permit),
    OneMore(Box<Approval>),
}

/// Was the proof right, and not burnt?
pub(super) fn is_unspent(decided: &Decided) -> bool {
    matches!(decided, Decided::Conflict(_) | Decided::ClockBehind | Decided::SaidAlready | Decided::TooWeak)
}

/// What the transaction made of a yes.
pub(super) fn spent(decided: Decided, id: &str, person: &PersonId) -> Result<Spent, DecideError> {
    match decided {
        Decided::Permit(permit) => {
            tracing::info!(approval = id, tool = permit.plan().tool(), person = person.0, "approved");
            Ok(Spent::Permit(permit))
        }
        Decided::OneMore(approval) => Ok(Spent::OneMore(approval)),
        Decided::SaidAlready => Err(DecideError::SaidAlready),
        Decided::TooWeak => Err(DecideError::TooWeak),
        Decided::Conflict(approval) if approval.status == ApprovalStatus::Pending => {
            Err(DecideError::FactsChanged("somebody else looked at the same moment".to_owned()))
        }
        Decided::Conflict(approval) => Err(DecideError::AlreadyDecided(approval)),
        Decided::CodeUsed => Err(DecideError::Prove(ProveError::Used)),
        Decided::ClockBehind => Err(DecideError::ClockBehind),
        Decided::NotFound | Decided::Denied => Err(DecideError::NotFound),
    }
}

/// Is it the account that the plan was made with, in all that the human was shown of it?
fn same(account: &Account, plan: &Plan) -> bool {
    account.id == plan.account_id() && account.origin == *plan.origin() && account.environment == plan.environment()
}
