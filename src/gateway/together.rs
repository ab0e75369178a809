//! One yes for several approvals on one page, each in full and each ticked. Everything that a single yes is held to holds for
//! each of them; what changed stays out and says so, and the rest goes on.

use std::sync::Arc;

use super::{
    DecideError, Gateway, Presented, ProveError, Said,
    deciding::{Ready, Spent, is_unspent, spent},
};
use crate::{
    approval::{Claim, Purpose, Strength, Ticked},
    ledger::{LedgerError, MOST_TOGETHER, together},
};

/// Why nothing at all was decided.
#[derive(Debug, thiserror::Error)]
pub enum TogetherError {
    /// None, or too many.
    #[error("tick from 1 to {MOST_TOGETHER}; nothing was sent")]
    Count,
    /// They are not alike.
    #[error("only writes of one tool, one account and one caller are decided together; nothing was sent")]
    Unlike,
    /// What was shown proves nobody.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What became of each that was ticked, by its id.
type Each = Vec<(String, Result<Said, DecideError>)>;

impl Gateway {
    /// Yes to each of these, with one proof over all of them.
    ///
    /// # Errors
    /// Why none was decided; then nothing was sent. What became of each is its own.
    pub async fn approve_together(
        self: &Arc<Self>,
        ticked: &[Ticked],
        shown: &Presented<'_>,
    ) -> Result<Each, TogetherError> {
        if !(1..=MOST_TOGETHER).contains(&ticked.len()) {
            return Err(TogetherError::Count);
        }
        let coded = matches!(shown, Presented::Code(..));
        // each looks its facts up again: side by side, for an approver waits
        let looking: Vec<_> = ticked
            .iter()
            .map(|one| {
                let (gateway, one) = (Arc::clone(self), one.clone());
                self.sending.tasks.spawn(async move { gateway.ready_as_seen(&one, coded).await })
            })
            .collect();
        let (mut ready, mut each) = (Vec::new(), Vec::new());
        for (one, looking) in ticked.iter().zip(looking) {
            match looking.await.unwrap_or(Err(DecideError::Ledger(LedgerError::Stopped))) {
                Ok(found) => ready.push(found),
                Err(error) => each.push((one.approval.clone(), Err(error))),
            }
        }
        let Some(parts) = ready.first().map(|one| Arc::clone(&one.parts)) else { return Ok(each) };
        if !together(&ready.iter().map(|one| one.approval.clone()).collect::<Vec<_>>()) {
            return Err(TogetherError::Unlike);
        }
        let approver = self.prove(&parts, Claim::Together(ticked.to_vec()), shown).await?;
        let (person, coded) = (approver.person().clone(), approver.proof().strength() == Strength::Any);
        // a task of its own: a page that is closed between the yes and its sending must not take the permits along
        let gateway = Arc::clone(self);
        let deciding = self.sending.tasks.spawn(async move {
            let asked = ready.iter().map(|one| (one.approval.id.clone(), one.evaluation.clone())).collect();
            let decided = parts.ledger.decide_together(approver, asked, gateway.clock.now()).await?;
            if coded && decided.iter().all(is_unspent) {
                parts.ledger.forgive_attempt(&person, Purpose::Decide).await?;
            }
            let mut sending = Vec::new();
            for (Ready { parts, approval, credential, slot, .. }, decided) in ready.into_iter().zip(decided) {
                let said = spent(decided, &approval.id, &person);
                let gateway = Arc::clone(&gateway);
                let sent = tokio::spawn(async move {
                    Ok(match said? {
                        Spent::Permit(permit) => Said::Sent(gateway.execute(&parts, permit, credential, slot).await),
                        Spent::OneMore(approval) => Said::OneMore(approval),
                    })
                });
                sending.push((approval.id, sent));
            }
            let mut each: Each = Vec::new();
            for (id, sent) in sending {
                each.push((id, sent.await.unwrap_or(Err(DecideError::Ledger(LedgerError::Stopped)))));
            }
            Ok::<_, LedgerError>(each)
        });
        each.extend(deciding.await.unwrap_or(Err(LedgerError::Stopped))?);
        Ok(each)
    }

    /// What is ready for a yes, and just what the human's page showed.
    async fn ready_as_seen(self: &Arc<Self>, one: &Ticked, coded: bool) -> Result<Ready, DecideError> {
        self.has_seen(&one.approval, &one.digest.to_string()).await?;
        let ready = self.ready(&one.approval, coded).await?;
        if ready.digest != one.digest {
            return Err(DecideError::FactsChanged("this page is older than what was looked up last".to_owned()));
        }
        Ok(ready)
    }
}
