//! What stands in for a home's ledger and secret store, here and in the tests beside the code (`src/lib.rs`).

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use agentport::{
    approval::{Approver, PersonId, Purpose},
    call::Caller,
    clock::{Millis, Now},
    findings::Findings,
    ledger::{
        Admission, Admit, Answer, Approval, Attempt, CancelledBy, Decided, Factor, Lately, Ledger, LedgerError,
        Outcome, Refusal, Sqlite,
    },
    policy::Evaluation,
    secret::{Secret, SecretStore, StoreError},
};
use async_trait::async_trait;

/// What a test does around each method of a ledger.
#[async_trait]
pub(crate) trait Hook: Debug + Send + Sync {
    /// Before the ledger does it; an error is the answer instead.
    async fn before(&self, method: &'static str) -> Result<(), LedgerError>;
    /// When it is done, and nobody knows yet.
    async fn after(&self, method: &'static str);
}

/// A ledger with a hook.
#[derive(Debug)]
pub(crate) struct Hooked {
    pub(crate) inner: Sqlite,
    pub(crate) hook: Arc<dyn Hook>,
}

/// Each method, hooked.
macro_rules! hooked {
    ($($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Ledger for Hooked {
            $(
                async fn $method(&self, $($name: $type),*) -> Result<$answer, LedgerError> {
                    self.hook.before(stringify!($method)).await?;
                    let answer = self.inner.$method($($name),*).await;
                    self.hook.after(stringify!($method)).await;
                    answer
                }
            )*
        }
    };
}

hooked! {
    admit(admit: Admit, now: Now) -> Admission;
    decide(id: &str, answer: Answer, judged: &Evaluation, now: Now) -> Decided;
    decide_together(approver: Approver, asked: Vec<(String, Evaluation)>, now: Now) -> Vec<Decided>;
    settle(record: &str, outcome: &Outcome, now: Now) -> bool;
    note_findings(approval: &str, findings: &Findings, now: Now) -> bool;
    cancel(approval: &str, by: CancelledBy, now: Now) -> bool;
    deny_by_policy(approval: &str, judged: &Evaluation, now: Now) -> bool;
    reopen(approval: &str, now: Now) -> bool;
    refuse(refusal: Refusal, now: Now) -> ();
    approval(id: &str) -> Option<Approval>;
    open_approvals(caller: Option<&Caller>) -> Vec<Approval>;
    recent_approvals(limit: u32) -> Vec<Approval>;
    awaited(approval: &str) -> u32;
    deliver(approval: &str) -> ();
    last_ran(approval: &str) -> Option<Millis>;
    lately(approval: &str) -> Lately;
    sweep(now: Now) -> ();
    factors() -> Vec<Factor>;
    begin_attempt(person: &PersonId, purpose: Purpose, now: Now) -> Attempt;
    forgive_attempt(person: &PersonId, purpose: Purpose) -> ();
}

/// A secret store in memory, which can be locked.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) secrets: Mutex<BTreeMap<String, String>>,
    pub(crate) locked: AtomicBool,
    /// How many more secrets it takes, where that is counted.
    pub(crate) room: Mutex<Option<u32>>,
    /// What was asked for, in order.
    pub(crate) asked: Mutex<Vec<String>>,
}

#[async_trait]
impl SecretStore for Memory {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        if self.locked.load(Ordering::SeqCst) {
            return Err(StoreError::Locked("the keyring is locked".to_owned()));
        }
        self.asked.lock().unwrap().push(name.to_owned());
        Ok(self.secrets.lock().unwrap().get(name).cloned().map(Secret::new))
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        if let Some(room) = &mut *self.room.lock().unwrap() {
            *room = room.checked_sub(1).ok_or_else(|| StoreError::Locked("the keyring is locked".to_owned()))?;
        }
        self.secrets.lock().unwrap().insert(name.to_owned(), secret.expose().to_owned());
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.secrets.lock().unwrap().remove(name);
        Ok(())
    }
}
