//! The ledger in one SQLite file, shared by any number of processes.
//!
//! Two connections: what is only a read upstream is committed with `synchronous=NORMAL` (survives our crash, not a power
//! cut), everything else with FULL. Each method is one `BEGIN IMMEDIATE` transaction on a blocking thread, when its turn in
//! the `queue` comes. What reads much of the log, for a person, has a connection of its own meanwhile: no call waits for it.
//! `accounts`, `agents`, `people`, `factors`, `passkeys`, `enrolments`, `sessions`, `sign_in_links`, `pins`, `notices` and
//! `offers` keep the home's other facts in the same file and the same chain. What several of them need alike is in `token`
//! (what is given out once and known by its hash) and `meta` (facts by name).

mod accounts;
mod agents;
mod approvals;
mod calls;
mod decisions;
mod enrolments;
mod factors;
mod facts;
mod grants;
mod keeping;
mod limits;
mod locks;
mod lookup;
pub(super) mod meta;
mod migration;
mod moving;
mod notices;
mod offers;
mod open;
mod passkeys;
mod people;
mod pins;
mod queue;
mod runner;
mod sessions;
mod sign_in_links;
mod token;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

pub(super) use self::grants::grant_digest;
pub(super) use self::pins::stored_pin_digest;
pub use self::{
    accounts::{Kept, LastEnds},
    agents::{AgentToken, LetIn, NewAgent, ShutOut},
    enrolments::{Enrolment, EnrolmentToken},
    factors::Factor,
    grants::Grant,
    keeping::{KeptFile, Voided},
    lookup::CallDetail,
    moving::Still,
    notices::{A_MINUTE, ChannelHealth, Delivery, Due, NoticeKind, TRIES, Told},
    pins::{pin_digest, policy_digest},
    runner::Runner,
    sessions::SessionToken,
    sign_in_links::{SignInLink, SignInToken},
    token::{Token, TokenKind},
};
use super::{
    Admission, Admit, Answer, Approval, Attempt, Bad, CancelledBy, Decided, Lately, Ledger, LedgerError, Outcome,
    Refusal, Verified, chain,
};
use crate::{
    approval::{Approver, PersonId, Purpose},
    call::Caller,
    clock::{Millis, Now},
    findings::Findings,
    policy::Evaluation,
};

/// The ledger in one SQLite file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    home_id: String,
    runner: Runner,
    normal: Mutex<Connection>,
    full: Mutex<Connection>,
    queue: Arc<queue::Queue>,
    /// The pin's tools as they were last read, beside the text that they were read from: every call looks at them.
    known: Mutex<Option<(String, crate::policy::Known)>>,
}

/// How durable a transaction has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Normal,
    Full,
}

impl Sqlite {
    /// Opens the file, makes it where there is none, and brings its schema up to date. `runner` is this process.
    ///
    /// # Errors
    /// It cannot be opened safely, was written by a newer version, or its schema is not ours.
    pub fn open(path: &Path, runner: Runner) -> Result<Self, LedgerError> {
        let full = open::connection(path, "FULL")?;
        migration::migrate(path, &full)?;
        let normal = open::connection(path, "NORMAL")?;
        let home_id = open::home_id(&full)?;
        runner.tidy();
        let inner = Inner {
            path: path.to_owned(),
            home_id,
            runner,
            normal: Mutex::new(normal),
            full: Mutex::new(full),
            queue: Arc::default(),
            known: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The home's random id, which names its credentials.
    pub fn home_id(&self) -> &str {
        &self.inner.home_id
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Checks the whole chain and every payload.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn verify(&self) -> Result<Result<Verified, Bad>, LedgerError> {
        self.looking(chain::verify).await
    }

    /// A number that changes when another connection has changed the file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn version(&self) -> Result<i64, LedgerError> {
        let connection = self.inner.connection(Durability::Normal);
        Ok(connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
    }

    async fn transaction<T: Send + 'static>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>, &Inner) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.on_thread(move |inner| inner.transaction(durability, |transaction| work(transaction, inner))).await
    }

    /// Has a newer version of the program changed the schema since this process opened the file? Then nothing can be done
    /// here any more but to write down how what is being sent ended.
    pub fn is_outdated(&self) -> bool {
        let connection = self.inner.connection(Durability::Normal);
        matches!(migration::check_version(&connection), Err(LedgerError::Updated(_)))
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.on_thread_of_any_schema(|inner| {
            migration::check_version(&inner.connection(Durability::Normal))?;
            work(inner)
        })
        .await
    }

    /// Reads with a connection of its own, however long it takes: not in the queue.
    async fn looking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (work, done) = self.work(|inner| {
            let connection = open::reader(&inner.path)?;
            migration::check_version(&connection)?;
            work(&connection)
        });
        drop(tokio::task::spawn_blocking(work));
        done.await.map_err(|_| LedgerError::Stopped)?
    }

    async fn on_thread_of_any_schema<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (work, done) = self.work(work);
        self.inner.queue.push(work);
        done.await.map_err(|_| LedgerError::Stopped)?
    }

    /// What does the work and tells its result.
    fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, LedgerError> + Send + 'static,
    ) -> (queue::Work, oneshot::Receiver<Result<T, LedgerError>>) {
        let inner = Arc::clone(&self.inner);
        let (answer, done) = oneshot::channel();
        let work = Box::new(move || {
            let result = work(&inner);
            // who has the answer may close the ledger: nothing here holds it open
            drop(inner);
            // who asked may have gone; the work is done all the same
            drop(answer.send(result));
        });
        (work, done)
    }
}

impl Inner {
    fn connection(&self, durability: Durability) -> std::sync::MutexGuard<'_, Connection> {
        let connection = match durability {
            Durability::Normal => &self.normal,
            Durability::Full => &self.full,
        };
        // a panic inside a transaction rolled it back: the connection is as good as before
        connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transaction<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.transaction_of_any_schema(durability, |transaction| {
            migration::check_version(transaction)?;
            work(transaction)
        })
    }

    /// For what must be written down even if a newer version has changed the schema meanwhile.
    fn transaction_of_any_schema<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut connection = self.connection(durability);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

/// A fresh id: `prefix` and 128 random bits in base32.
fn fresh_id(prefix: &str) -> Result<String, LedgerError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{prefix}_{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()))
}

#[async_trait]
impl Ledger for Sqlite {
    async fn admit(&self, admit: Admit, now: Now) -> Result<Admission, LedgerError> {
        let durability = match admit.plan.effect() {
            crate::catalog::Effect::Read => Durability::Normal,
            crate::catalog::Effect::Write | crate::catalog::Effect::Destructive => Durability::Full,
        };
        self.transaction(durability, move |transaction, inner| calls::admit(transaction, &admit, &inner.runner, now))
            .await
    }

    async fn decide(
        &self,
        approval: &str,
        answer: Answer,
        evaluation: &Evaluation,
        now: Now,
    ) -> Result<Decided, LedgerError> {
        let (approval, evaluation) = (approval.to_owned(), evaluation.clone());
        self.transaction(Durability::Full, move |transaction, inner| {
            decisions::decide(transaction, &approval, answer, &evaluation, &inner.runner, now)
        })
        .await
    }

    async fn decide_together(
        &self,
        approver: Approver,
        asked: Vec<(String, Evaluation)>,
        now: Now,
    ) -> Result<Vec<Decided>, LedgerError> {
        self.transaction(Durability::Full, move |transaction, inner| {
            decisions::decide_together(transaction, &approver, &asked, &inner.runner, now)
        })
        .await
    }

    async fn settle(&self, record: &str, outcome: &Outcome, now: Now) -> Result<bool, LedgerError> {
        let (record, outcome) = (record.to_owned(), outcome.clone());
        self.on_thread_of_any_schema(move |inner| {
            let durability = calls::durability(&inner.connection(Durability::Normal), &record)?;
            inner
                .transaction_of_any_schema(durability, |transaction| calls::settle(transaction, &record, &outcome, now))
        })
        .await
    }

    async fn note_findings(&self, approval: &str, findings: &Findings, now: Now) -> Result<bool, LedgerError> {
        let (approval, findings) = (approval.to_owned(), findings.clone());
        // a power cut only means looking again
        self.transaction(Durability::Normal, move |transaction, _| facts::note(transaction, &approval, &findings, now))
            .await
    }

    async fn cancel(&self, approval: &str, by: CancelledBy, now: Now) -> Result<bool, LedgerError> {
        let approval = approval.to_owned();
        self.transaction(Durability::Full, move |transaction, _| decisions::cancel(transaction, &approval, by, now))
            .await
    }

    async fn deny_by_policy(&self, approval: &str, evaluation: &Evaluation, now: Now) -> Result<bool, LedgerError> {
        let (approval, evaluation) = (approval.to_owned(), evaluation.clone());
        self.transaction(Durability::Full, move |transaction, _| {
            decisions::deny_by_policy(transaction, &approval, &evaluation, now)
        })
        .await
    }

    async fn reopen(&self, approval: &str, now: Now) -> Result<bool, LedgerError> {
        let approval = approval.to_owned();
        self.transaction(Durability::Full, move |transaction, _| decisions::reopen(transaction, &approval, now)).await
    }

    async fn refuse(&self, refusal: Refusal, now: Now) -> Result<(), LedgerError> {
        self.transaction(Durability::Normal, move |transaction, _| calls::refuse(transaction, &refusal, now)).await
    }

    async fn approval(&self, id: &str) -> Result<Option<Approval>, LedgerError> {
        let id = id.to_owned();
        self.on_thread(move |inner| approvals::load(&inner.connection(Durability::Normal), &id)).await
    }

    async fn open_approvals(&self, caller: Option<&Caller>) -> Result<Vec<Approval>, LedgerError> {
        let caller = caller.map(|caller| caller.as_str().to_owned());
        self.on_thread(move |inner| approvals::open(&inner.connection(Durability::Normal), caller.as_deref())).await
    }

    async fn recent_approvals(&self, limit: u32) -> Result<Vec<Approval>, LedgerError> {
        self.on_thread(move |inner| approvals::recent(&inner.connection(Durability::Normal), limit)).await
    }

    async fn awaited(&self, approval: &str) -> Result<u32, LedgerError> {
        let approval = approval.to_owned();
        self.transaction(Durability::Normal, move |transaction, _| approvals::awaited(transaction, &approval)).await
    }

    async fn deliver(&self, approval: &str) -> Result<(), LedgerError> {
        let approval = approval.to_owned();
        self.transaction(Durability::Normal, move |transaction, _| approvals::deliver(transaction, &approval)).await
    }

    async fn last_ran(&self, approval: &str) -> Result<Option<Millis>, LedgerError> {
        let approval = approval.to_owned();
        self.on_thread(move |inner| approvals::last_ran(&inner.connection(Durability::Normal), &approval)).await
    }

    async fn lately(&self, approval: &str) -> Result<Lately, LedgerError> {
        let approval = approval.to_owned();
        self.on_thread(move |inner| approvals::lately(&inner.connection(Durability::Normal), &approval)).await
    }

    async fn sweep(&self, now: Now) -> Result<(), LedgerError> {
        self.on_thread(move |inner| decisions::sweep(inner, now)).await
    }

    async fn factors(&self) -> Result<Vec<Factor>, LedgerError> {
        self.on_thread(|inner| factors::list(&inner.connection(Durability::Normal))).await
    }

    async fn begin_attempt(&self, person: &PersonId, purpose: Purpose, now: Now) -> Result<Attempt, LedgerError> {
        let person = person.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            factors::begin_attempt(transaction, &person, purpose, now)
        })
        .await
    }

    async fn forgive_attempt(&self, person: &PersonId, purpose: Purpose) -> Result<(), LedgerError> {
        let person = person.clone();
        self.transaction(Durability::Full, move |transaction, _| {
            factors::forgive_attempt(transaction, &person, purpose)
        })
        .await
    }
}

#[cfg(test)]
pub(crate) mod tests;
