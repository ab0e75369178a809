//! Whatever a gateway answers in a test is evidence.

use super::*;
use crate::{approval::Approver, gateway::ProveError};

/// The gateway, and everything that it answers is evidence.
pub(crate) struct Watched {
    pub(super) inner: Arc<Gateway>,
    pub(super) evidence: Evidence,
}

impl Watched {
    pub(crate) async fn call(
        &self,
        caller: &Caller,
        tool: &str,
        arguments: Map<String, Value>,
        gone: CancellationToken,
    ) -> Reply {
        self.reply(self.inner.call(caller, tool, arguments, gone).await)
    }

    pub(crate) async fn await_approval(
        &self,
        caller: &Caller,
        id: Option<&str>,
        patience: Duration,
        gone: &CancellationToken,
    ) -> Reply {
        self.reply(self.inner.await_approval(caller, id, patience, gone).await)
    }

    pub(crate) async fn approve(&self, id: &str, code: &Code) -> Result<Outcome, DecideError> {
        let said = self.inner.approve(id, &Presented::Code(&PersonId::owner(), code)).await;
        self.answer(said.map(|said| match said {
            Said::Sent(outcome) => outcome,
            Said::OneMore(approval) => panic!("somebody else is needed: {approval:?}"),
        }))
    }

    pub(crate) async fn deny(&self, id: &str, note: Option<String>) -> Result<(), DecideError> {
        self.answer(self.inner.deny(id, note).await)
    }

    pub(crate) async fn reopen(&self, id: &str) -> Result<(), DecideError> {
        self.answer(self.inner.reopen(id).await)
    }

    pub(crate) async fn verify_account(&self, account: &Account, sealed: &Secret) -> Result<Connected, String> {
        self.answer(self.inner.verify_account(account, sealed).await)
    }

    pub(crate) async fn connect(&self, connecting: Connecting<'_>) -> Result<ConnectedAccount, ConnectError> {
        self.answer(self.inner.connect(&self.open_parts(), connecting).await)
    }

    pub(crate) async fn prove(
        &self,
        parts: &Parts,
        claim: Claim,
        shown: &Presented<'_>,
    ) -> Result<Approver, ProveError> {
        self.answer(self.inner.prove(parts, claim, shown).await)
    }

    pub(crate) async fn look(&self, caller: &Caller, id: &str) -> Reply {
        self.reply(self.inner.look(caller, id).await)
    }

    pub(crate) fn open_parts(&self) -> Arc<Parts> {
        self.inner.open_parts().unwrap()
    }

    pub(crate) async fn drain(&self, patience: Duration) {
        self.inner.drain(patience).await;
    }

    pub(crate) fn parts(&self) -> Option<Arc<Parts>> {
        self.inner.parts()
    }

    fn reply(&self, reply: Reply) -> Reply {
        self.evidence.saw(format!("{reply:?} {}", reply.to_json()));
        reply
    }

    fn answer<T: Debug, E: Debug + Display>(&self, answer: Result<T, E>) -> Result<T, E> {
        self.evidence.saw(format!("{answer:?} {}", answer.as_ref().err().map_or(String::new(), E::to_string)));
        answer
    }
}
