//! The path of a call, top to bottom: frame → tool → call → plan → policy → admission → send → settle → reply.
//!
//! Everything that an agent can do comes through [`Gateway::call`], everything that a human decides through `deciding`:
//! [`Gateway::approve`], the same with a grant (`granting`) or for several at once (`together`), and [`Gateway::deny`].
//! All end in the same `execute`. No second way to an upstream exists: it takes a [`Permit`](crate::ledger::Permit), and
//! only the ledger mints one.

mod accounts;
mod applying;
mod builtin;
mod connecting;
mod contacting;
mod deciding;
mod enrolling;
mod explaining;
mod foreseeing;
mod granting;
mod headline;
mod holding;
mod listing;
mod offering;
mod previewing;
mod proving;
mod removing;
mod sending;
mod telling;
mod together;
mod waiting;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

pub use self::{
    accounts::{Disconnected, Health, SecretState, better_role},
    applying::{Proposal, ProposalError},
    connecting::{
        ConnectError, ConnectedAccount, Connecting, Seal, SettingError, is_account_name, is_unseen, settings, way_in,
    },
    deciding::{DecideError, Said},
    enrolling::{ByLink, EnrolError},
    explaining::{ExplainError, Explained, Supposed},
    headline::{Word, currencies, headline, headline_text},
    listing::{Callable, Listed, is_exposed},
    proving::{Presented, ProveError, seed_name},
    removing::RemoveError,
    sending::Connected,
    together::TogetherError,
};
use self::{
    listing::List,
    sending::{Full, Sending},
};
use crate::{
    call::{Call, CallError, Caller},
    catalog::Tool,
    clock::Clock,
    ledger::{Admission, Admit, ApprovalStatus, Denial, FailureKind, Ledger, LedgerError, Refusal, Sqlite, Told},
    notify::{Courier, Notifier},
    plan::Plan,
    policy::{Decision, Facts},
    reply::{DeniedBy, Reply},
    secret::SecretStore,
    snapshot::{Snapshot, SnapshotError, Snapshots},
    upstream::{Credentials, Upstreams},
};

/// An open home and everything that acts on it.
#[derive(Debug)]
pub struct Parts {
    /// What calls are judged by.
    pub snapshots: Snapshots,
    /// Calls, approvals, outcomes.
    pub ledger: Arc<dyn Ledger>,
    /// The same file, for what else the home keeps.
    pub home: Sqlite,
    /// Seeds and credentials.
    pub secrets: Arc<dyn SecretStore>,
    /// Opens a credential for a plan.
    pub credentials: Credentials,
    /// What acts.
    pub upstreams: Upstreams,
    /// Who is told that something waits.
    pub notifiers: Vec<Arc<dyn Notifier>>,
    /// Who carries messages about it to people elsewhere.
    pub courier: Arc<Courier>,
}

/// Opens the home where there is one by now. The reason is for the log, never for an agent.
pub type Opener = Box<dyn Fn() -> Result<Option<Parts>, String> + Send + Sync>;

/// The path of a call.
pub struct Gateway {
    opener: Opener,
    parts: Mutex<Option<Arc<Parts>>>,
    /// The last reason why there is no home, which is told once.
    told: Mutex<String>,
    /// What the list of tools was when it was last given out or looked at.
    shown: Mutex<Option<Arc<[Listed]>>>,
    /// The list of tools that was last made.
    list: Mutex<Option<List>>,
    sending: Sending,
    changes: tokio::sync::watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway over the home that `opener` opens: now, or at the first call after it was set up.
    pub fn new(opener: Opener, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (changes, _) = tokio::sync::watch::channel(0);
        Arc::new(Self {
            opener,
            parts: Mutex::new(None),
            told: Mutex::default(),
            shown: Mutex::default(),
            list: Mutex::default(),
            sending: Sending::default(),
            changes,
            clock,
        })
    }

    /// One call of an agent. `gone` ends waits: the client left or cancelled. What is being sent runs to its end.
    pub async fn call(
        self: &Arc<Self>,
        caller: &Caller,
        name: &str,
        arguments: Map<String, Value>,
        gone: CancellationToken,
    ) -> Reply {
        if let Some(reply) = self.call_builtin(caller, name, &arguments, &gone).await {
            return reply;
        }
        let Some(parts) = self.parts() else { return Reply::needs_set_up("nothing is connected yet") };
        // a task of its own: whoever leaves between the permit and its sending must not take the permit along
        let (gateway, caller, name) = (Arc::clone(self), caller.clone(), name.to_owned());
        let judging = self.sending.tasks.spawn(async move { gateway.judge(&parts, &caller, &name, arguments).await });
        match judging.await {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(error) => internal(&error),
        }
    }

    /// The path itself. `Err` is a reply too: what ended it early.
    async fn judge(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        caller: &Caller,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Result<Reply, Reply> {
        let snapshot = parts.snapshots.current().map_err(|error| internal(&error))?;
        let Some(tool) = snapshot.catalog.find(name) else {
            self.note_refusal(parts, caller, shown(name), "not_found", Value::Null).await;
            return Err(not_found(&snapshot, name));
        };
        if !snapshot.reaches(caller, &tool.integration.id) {
            self.note_refusal(parts, caller, tool.policy_name(), "denied", json!("reach")).await;
            return Err(Reply::Denied {
                by: DeniedBy::Policy,
                rule: Some("reach".to_owned()),
                message: format!("you were not let in for `{}`; nothing was sent", tool.integration.id),
                note: None,
                retry_after: None,
            });
        }
        let call = match Call::parse(tool, arguments, caller, &snapshot.accounts_of(&tool.integration.id)) {
            Ok(call) => call,
            Err(error) => return Err(self.refuse(parts, caller, tool, error).await),
        };
        let plan = match Plan::build(&call) {
            Ok(plan) => Arc::new(plan),
            Err(problems) => return Err(self.refuse(parts, caller, tool, CallError::Invalid(problems)).await),
        };
        let findings = self.deciding_facts(parts, &snapshot, tool, &plan).await;
        // after the looking, which takes its time
        let facts = Facts::of_plan(tool, &plan, self.clock.now().wall).with(findings.as_ref());
        let evaluation = snapshot.policy.evaluate(&facts);
        let credential = match evaluation.decision {
            Decision::Allow => Some(self.open_credential(parts, &call, &plan).await?),
            Decision::Ask | Decision::Deny => None,
        };
        let slot = self.sending.slot().map_err(|full| match full {
            Full::Busy => Reply::failed(FailureKind::Busy, "too many calls at once; try again"),
            Full::Wounded => broken("an earlier outcome could not be recorded"),
        })?;
        let admit = Admit {
            plan,
            key: call.key(),
            findings,
            summary: listing::summary(&call),
            expires_in: evaluation
                .requirement
                .answer_within
                .map_or(snapshot.settings.expires, |within| within.min(snapshot.settings.expires)),
            max_pending: snapshot.settings.max_pending,
            hourly: snapshot.settings.hourly,
            evaluation: evaluation.clone(),
        };
        let url = |id: &str| snapshot.site.as_ref().map(|site| format!("{site}/approve/{id}"));
        match parts.ledger.admit(admit, self.clock.now()).await.map_err(|error| internal(&error))? {
            Admission::Permit(permit) => {
                let Some(credential) = credential else { return Err(broken("a permit without a credential")) };
                let record = permit.record().to_owned();
                let outcome = self.execute(parts, permit, credential, slot).await;
                Ok(Reply::Completed { outcome, record, replayed: None, pruned: false })
            }
            Admission::Pending(approval) if approval.status == ApprovalStatus::Approved => {
                let url = url(&approval.id);
                Ok(Reply::Pending { approval, url, asked: 0, told: Told::Somebody })
            }
            Admission::Pending(approval) => {
                self.look_up_later(parts, &snapshot, &approval);
                let url = url(&approval.id);
                for notifier in &parts.notifiers {
                    notifier.waiting(&approval, url.as_deref());
                }
                let told = self.announce(parts, &snapshot, &approval.id).await;
                Ok(Reply::ApprovalRequired { approval, url, told })
            }
            Admission::Settled(approval) => waiting::settled(&approval, url(&approval.id), true),
            Admission::Denied(denial) => Ok(denied(&denial, &evaluation)),
            Admission::NoFactor => {
                Err(Reply::needs_set_up("this call needs a human's approval, and nobody can approve yet"))
            }
        }
    }

    /// Bumped when the list of tools changed.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The open home, where there is one. Why one cannot be opened is for the log.
    pub fn parts(&self) -> Option<Arc<Parts>> {
        self.try_parts().unwrap_or_else(|reason| {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if *told != reason {
                tracing::error!("{reason}");
                *told = reason;
            }
            None
        })
    }

    fn try_parts(&self) -> Result<Option<Arc<Parts>>, String> {
        let mut slot = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = (self.opener)()?.map(Arc::new);
        }
        Ok(slot.clone())
    }

    /// The home, where it was opened already.
    fn opened_parts(&self) -> Option<Arc<Parts>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The clock that everything here goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A gateway without a home, for the tests of what stands above it.
    #[cfg(test)]
    pub(crate) fn stub() -> Arc<Self> {
        Self::new(Box::new(|| Ok(None)), Arc::new(crate::clock::SystemClock::default()))
    }

    /// As if the list had changed.
    #[cfg(test)]
    pub(crate) fn change(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// Writes a refused call down, and says what was wrong with it.
    async fn refuse(&self, parts: &Parts, caller: &Caller, tool: &Tool, error: CallError) -> Reply {
        let (status, body, reply) = match error {
            CallError::Invalid(problems) => {
                let places: Vec<_> = problems.iter().map(|problem| problem.at.clone()).collect();
                ("invalid", json!(places), Reply::InvalidArguments(problems))
            }
            CallError::NoAccount(integration) => {
                ("setup", json!("no account"), Reply::needs_set_up(&format!("`{integration}` is not connected")))
            }
        };
        self.note_refusal(parts, caller, tool.policy_name(), status, body).await;
        reply
    }

    async fn note_refusal(&self, parts: &Parts, caller: &Caller, tool: String, status: &'static str, body: Value) {
        let refusal = Refusal { caller: caller.to_string(), tool, status, body };
        if let Err(error) = parts.ledger.refuse(refusal, self.clock.now()).await {
            tracing::error!("{error}");
        }
    }
}

fn denied(denial: &Denial, evaluation: &crate::policy::Evaluation) -> Reply {
    let reply = |by, rule, message: &str, note, retry_after| Reply::Denied {
        by,
        rule,
        message: message.to_owned(),
        note,
        retry_after,
    };
    match denial {
        Denial::Policy => {
            let words = evaluation.reasons.first().and_then(|reason| reason.text.clone());
            let message = "the policy of this computer's owner denies this call; nothing was sent";
            reply(DeniedBy::Policy, Some(evaluation.rule().to_owned()), message, words, None)
        }
        Denial::Human(approval) => {
            let note = approval.decision.as_ref().and_then(|decision| decision.note.clone());
            let message = "a human denied this very call; nothing was sent; do not ask again unless the human says so";
            reply(DeniedBy::Human, None, message, note, None)
        }
        Denial::Limit { setting, retry_after } => {
            let message = match *setting {
                "hourly" => "a human was asked for too many of your calls in the last hour; nothing was sent",
                _ => "too many of your calls wait for a human already; nothing was sent",
            };
            reply(DeniedBy::Limit, Some((*setting).to_owned()), message, None, Some(*retry_after))
        }
        Denial::Lock => {
            let message = "a human has locked agentport: every call is refused until they unlock it; nothing was sent";
            reply(DeniedBy::Lock, None, message, None, None)
        }
    }
}

fn not_found(snapshot: &Snapshot, name: &str) -> Reply {
    Reply::NotFound { message: format!("there is no tool `{}`", shown(name)), closest: snapshot.catalog.closest(name) }
}

/// As much of a name that we do not know as belongs into a line.
fn shown(name: &str) -> String {
    crate::visible::visible(&name.chars().take(80).collect::<String>())
}

/// What went wrong inside is for the log; the agent learns that nothing was sent.
pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Reply {
    tracing::error!("{error}");
    Reply::failed(FailureKind::Internal, if is_outdated(error) { OUTDATED } else { INSIDE })
}

/// The same where there is no error but what ought not to be.
fn broken(what: &str) -> Reply {
    tracing::error!("{what}");
    Reply::failed(FailureKind::Internal, INSIDE)
}

const INSIDE: &str = "agentport could not record the call, so nothing was sent; a human must look at it";
const OUTDATED: &str = "agentport was updated while this process of it ran, so nothing was sent: restart your agent \
     host (or the gateway), then call again; what waits for a human waits there still";

/// Did a newer version change the ledger under this process?
fn is_outdated(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_ledger = match error.downcast_ref() {
        Some(SnapshotError::Ledger(error)) => Some(error),
        Some(SnapshotError::Settings(_) | SnapshotError::NoPolicy) | None => error.downcast_ref(),
    };
    matches!(of_ledger, Some(LedgerError::Updated(_)))
}

#[cfg(test)]
mod tests;
