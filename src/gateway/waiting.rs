//! Waiting for a human: the agent fetches what became of its approvals.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Gateway, Parts, broken, internal};
use crate::{
    call::Caller,
    ledger::{Approval, ApprovalStatus, CancelledBy, Told},
    reply::{DeniedBy, Reply},
};

/// How often the ledger is asked while somebody waits. A human takes seconds; the query takes microseconds.
const POLL: Duration = Duration::from_millis(100);

impl Gateway {
    /// What became of one approval of this caller, or of all that are open or undelivered. Waits up to `wait` for a
    /// decision.
    pub async fn await_approval(
        self: &Arc<Self>,
        caller: &Caller,
        id: Option<&str>,
        wait: Duration,
        gone: &CancellationToken,
    ) -> Reply {
        let Some(parts) = self.parts() else { return Reply::needs_set_up("nothing is connected yet") };
        let result = match id {
            Some(id) => self.await_one(&parts, caller, id, wait, gone).await,
            None => self.await_all(&parts, caller, wait, gone).await,
        };
        match result {
            Ok(reply) | Err(reply) => reply,
        }
    }

    /// What became of one approval of this caller by now. Only a look: whoever looks has not waited, and is not told to wait
    /// longer for it.
    pub async fn look(self: &Arc<Self>, caller: &Caller, id: &str) -> Reply {
        let Some(parts) = self.parts() else { return Reply::needs_set_up("nothing is connected yet") };
        let result = async {
            let approval = self.own(&parts, caller, id).await?;
            if let Some(ended) = ended(&parts, &approval).await {
                return ended;
            }
            let asked = parts.home.times_awaited(id).await.map_err(|error| internal(&error))?;
            pending(&parts, approval, asked).await
        };
        match result.await {
            Ok(reply) | Err(reply) => reply,
        }
    }

    /// The agent takes back what it asked for.
    pub async fn withdraw(self: &Arc<Self>, caller: &Caller, id: &str) -> Reply {
        let Some(parts) = self.parts() else { return Reply::needs_set_up("nothing is connected yet") };
        let result = async {
            self.own(&parts, caller, id).await?;
            let now = self.clock.now();
            parts.ledger.cancel(id, CancelledBy::Agent, now).await.map_err(|error| internal(&error))?;
            self.await_one(&parts, caller, id, Duration::ZERO, &CancellationToken::new()).await
        };
        match result.await {
            Ok(reply) | Err(reply) => reply,
        }
    }

    async fn await_one(
        &self,
        parts: &Parts,
        caller: &Caller,
        id: &str,
        wait: Duration,
        gone: &CancellationToken,
    ) -> Result<Reply, Reply> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let approval = self.own(parts, caller, id).await?;
            if let Some(ended) = ended(parts, &approval).await {
                return ended;
            }
            if gone.is_cancelled() || tokio::time::Instant::now() >= deadline {
                let asked = parts.ledger.awaited(id).await.map_err(|error| internal(&error))?;
                return pending(parts, approval, asked).await;
            }
            pause(deadline, gone).await;
        }
    }

    async fn await_all(
        &self,
        parts: &Parts,
        caller: &Caller,
        wait: Duration,
        gone: &CancellationToken,
    ) -> Result<Reply, Reply> {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            parts.ledger.sweep(self.clock.now()).await.map_err(|error| internal(&error))?;
            let open = parts.ledger.open_approvals(Some(caller)).await.map_err(|error| internal(&error))?;
            let ended = open
                .iter()
                .any(|approval| !matches!(approval.status, ApprovalStatus::Pending | ApprovalStatus::Approved));
            let over = gone.is_cancelled() || tokio::time::Instant::now() >= deadline;
            if open.is_empty() || ended || over {
                let mut replies = Vec::with_capacity(open.len());
                for approval in open {
                    replies.push(self.await_one(parts, caller, &approval.id, Duration::ZERO, gone).await?);
                }
                return Ok(Reply::Several(replies));
            }
            pause(deadline, gone).await;
        }
    }

    /// The approval, if it is this caller's; somebody else's does not exist for it.
    async fn own(&self, parts: &Parts, caller: &Caller, id: &str) -> Result<Approval, Reply> {
        parts.ledger.sweep(self.clock.now()).await.map_err(|error| internal(&error))?;
        let found = parts.ledger.approval(id).await.map_err(|error| internal(&error))?;
        found
            .filter(|approval| approval.caller == caller.as_str())
            .ok_or_else(|| Reply::NotFound { message: "you have no approval of this id".to_owned(), closest: None })
    }
}

/// The end of an approval, given out; `None` while it has none.
async fn ended(parts: &Parts, approval: &Approval) -> Option<Result<Reply, Reply>> {
    match approval.status {
        ApprovalStatus::Pending | ApprovalStatus::Approved => None,
        ApprovalStatus::Executed | ApprovalStatus::Denied | ApprovalStatus::Expired | ApprovalStatus::Cancelled => {
            let delivered = parts.ledger.deliver(&approval.id).await.map_err(|error| internal(&error));
            Some(delivered.and_then(|()| settled(approval, link(parts, &approval.id), approval.delivered)))
        }
    }
}

async fn pending(parts: &Parts, approval: Approval, asked: u32) -> Result<Reply, Reply> {
    let told = parts.home.told(&approval.id).await.map_err(|error| internal(&error))?;
    let url = link(parts, &approval.id);
    Ok(Reply::Pending { approval: Box::new(approval), url, asked, told })
}

fn link(parts: &Parts, id: &str) -> Option<String> {
    parts.snapshots.current().ok()?.site.as_ref().map(|site| format!("{site}/approve/{id}"))
}

/// What an approval that has ended says to its caller.
pub(super) fn settled(approval: &Approval, url: Option<String>, again: bool) -> Result<Reply, Reply> {
    let boxed = || Box::new(approval.clone());
    match approval.status {
        ApprovalStatus::Executed => {
            let (outcome, at) =
                approval.outcome.clone().ok_or_else(|| broken("an executed approval without outcome"))?;
            let record = approval.record.clone();
            Ok(Reply::Completed { outcome, record, replayed: again.then_some(at), pruned: approval.pruned })
        }
        ApprovalStatus::Denied => {
            let by_policy = approval.decision.as_ref().is_some_and(|decision| decision.by_policy);
            let note = approval.decision.as_ref().and_then(|decision| decision.note.clone());
            let (by, message) = if by_policy {
                (DeniedBy::Policy, "the policy denied it when a human came to decide; nothing was sent")
            } else {
                (DeniedBy::Human, "a human denied it; nothing was sent; do not ask again unless the human says so")
            };
            let rule = by_policy.then(|| approval.evaluation.as_ref().map(|found| found.rule().to_owned())).flatten();
            Ok(Reply::Denied { by, rule, message: message.to_owned(), note, retry_after: None })
        }
        ApprovalStatus::Expired => Ok(Reply::Expired { approval: boxed(), url }),
        ApprovalStatus::Cancelled => {
            let by =
                approval.decision.as_ref().and_then(|decision| decision.cancelled_by).unwrap_or(CancelledBy::Change);
            Ok(Reply::Cancelled { by, approval: boxed(), url })
        }
        ApprovalStatus::Pending | ApprovalStatus::Approved => {
            Ok(Reply::Pending { approval: boxed(), url, asked: 0, told: Told::Somebody })
        }
    }
}

async fn pause(deadline: tokio::time::Instant, gone: &CancellationToken) {
    let next = (tokio::time::Instant::now() + POLL).min(deadline);
    tokio::select! {
        () = tokio::time::sleep_until(next) => {}
        () = gone.cancelled() => {}
    }
}
