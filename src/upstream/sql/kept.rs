//! Signed-in sessions that wait for the next read, so that not each signs in anew.
//!
//! A session is kept for reads with the same credential only (T208), is used by one of them at a time, and not longer than
//! [`LIFE`] after it signed in: as long as an opened secret is kept. Before the next one has it, all that a session can hold is
//! thrown away (T070), and this is done when the read has ended, not when another comes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};

use super::{Address, Run, Trouble};
use crate::{account::Origin, catalog::SqlOperation, trust::Authorities};

/// How long a session may be used after it signed in.
const LIFE: Duration = Duration::from_mins(1);
/// How many wait at most.
const MOST: usize = 8;

/// A connection to one kind of server, signed in.
pub(super) trait Session: Send + Sized + 'static {
    /// A new one.
    fn sign_in(run: &Run<'_>) -> impl Future<Output = Result<Self, Trouble>> + Send;
    /// Runs the one call. The session is there again where nothing of the call is under way in it any more.
    fn ask(self, run: &Run<'_>) -> impl Future<Output = (Result<Value, Trouble>, Option<Self>)> + Send;
    /// Throws away all that it can hold. None where that did not succeed.
    fn clean(self) -> impl Future<Output = Option<Self>> + Send;
    /// Takes leave of the server.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// Runs the one call, in a session that waits or else in a new one, which waits for the next call if it may.
pub(super) async fn run<S: Session>(run: &Run<'_>, kept: &Kept<S>) -> Result<Value, Trouble> {
    let key = may_be_shared(run).then(|| Key::of(run)).flatten();
    if let Some(key) = &key
        && let Some((session, until)) = kept.take(key).await
    {
        let (answer, session) = session.ask(run).await;
        // where the server has closed it meanwhile nothing was run, and another one is there for it
        if !matches!(answer, Err(Trouble::NotSent(..))) {
            if let Some(session) = session {
                kept.keep(key.clone(), until, session.clean());
            }
            return answer;
        }
    }
    let until = Instant::now() + LIFE;
    let (answer, session) = S::sign_in(run).await?.ask(run).await;
    match (key, session) {
        (Some(key), Some(session)) => {
            kept.let_go_at(until);
            kept.keep(key, until, session.clean());
        }
        (None, Some(session)) => session.end().await,
        (_, None) => {}
    }
    answer
}

/// May the session be one that an earlier read has used, and be used by a later one? What proves a credential signs in with
/// it, and what a human is shown and what is changed have a session of their own.
fn may_be_shared(run: &Run<'_>) -> bool {
    match run.request.operation {
        SqlOperation::Query | SqlOperation::Explain | SqlOperation::ListTables | SqlOperation::DescribeTable => {
            run.read
        }
        SqlOperation::Verify | SqlOperation::Preview | SqlOperation::Execute => false,
    }
}

/// What has to be the same for a session to be used again: the account as it was connected, where it leads, every part of its
/// credential, and who may vouch for the server.
#[derive(Clone, PartialEq)]
struct Key {
    account: String,
    origin: Origin,
    address: Address,
    authorities: Authorities,
}

impl Key {
    /// None where nobody may vouch for the server: then no session is as good as a new one, which says so.
    fn of(run: &Run<'_>) -> Option<Self> {
        Some(Self {
            account: run.account.to_owned(),
            origin: run.origin.clone(),
            address: run.address.clone(),
            authorities: run.authorities().ok()?,
        })
    }
}

/// The sessions that wait.
pub(super) struct Kept<S>(Arc<Mutex<Vec<Waiting<S>>>>);

struct Waiting<S> {
    key: Key,
    until: Instant,
    /// Has its session when that is clean, and none where it could not be made so.
    cleaning: JoinHandle<Option<S>>,
}

impl<S> Default for Kept<S> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<S> std::fmt::Debug for Kept<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kept").field("waiting", &self.lock().len()).finish()
    }
}

impl<S: Send + 'static> Kept<S> {
    /// A clean one, and until when it may be used. It is nobody else's from here on.
    async fn take(&self, key: &Key) -> Option<(S, Instant)> {
        let Waiting { until, cleaning, .. } = {
            let mut waiting = self.lock();
            waiting.retain(Waiting::is_young);
            let place = waiting.iter().position(|waiting| waiting.key == *key)?;
            waiting.swap_remove(place)
        };
        Some((cleaning.await.ok()??, until))
    }

    /// One that waits again as soon as `cleaning` has made it clean.
    fn keep(&self, key: Key, until: Instant, cleaning: impl Future<Output = Option<S>> + Send + 'static) {
        let mut waiting = self.lock();
        waiting.retain(Waiting::is_young);
        if waiting.len() < MOST && Instant::now() < until {
            waiting.push(Waiting { key, until, cleaning: tokio::spawn(cleaning) });
        }
    }

    /// Lets go of what has waited for too long by `until`, though nobody comes.
    fn let_go_at(&self, until: Instant) {
        let waiting = Arc::downgrade(&self.0);
        drop(tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            if let Some(waiting) = waiting.upgrade() {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(Waiting::is_young);
            }
        }));
    }
}

impl<S> Kept<S> {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Waiting<S> {
    fn is_young(&self) -> bool {
        Instant::now() < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> Key {
        let (address, _) = Address::pair(url).unwrap();
        let (account, origin) = ("acc_1".to_owned(), address.origin(true).unwrap());
        Key { account, origin, address, authorities: Authorities::Public }
    }

    const SHOP: &str = "postgres://app:one@db.example.com/shop";

    fn in_a_minute() -> Instant {
        Instant::now() + LIFE
    }

    #[tokio::test]
    async fn a_session_is_for_one_at_a_time() {
        let kept = Kept::default();
        kept.keep(key(SHOP), in_a_minute(), async { Some(1) });
        assert_eq!(kept.take(&key(SHOP)).await.map(|(session, _)| session), Some(1));
        assert_eq!(kept.take(&key(SHOP)).await, None);
    }

    #[tokio::test]
    async fn t208_a_session_is_for_its_own_credential_only() {
        let kept = Kept::default();
        kept.keep(key(SHOP), in_a_minute(), async { Some(1) });
        let others = [
            "postgres://app:two@db.example.com/shop",
            "postgres://other:one@db.example.com/shop",
            "postgres://app:one@db.example.org/shop",
            "postgres://app:one@db.example.com:5433/shop",
            "postgres://app:one@db.example.com/other",
            "postgres://app:one@db.example.com/shop?sslmode=verify-full",
        ];
        for other in others {
            assert_eq!(kept.take(&key(other)).await, None, "{other}");
        }
        assert_eq!(kept.take(&Key { account: "acc_2".to_owned(), ..key(SHOP) }).await, None);
        assert_eq!(kept.take(&Key { authorities: Authorities::Private(Vec::new()), ..key(SHOP) }).await, None);
        let (address, _) = Address::pair(SHOP).unwrap();
        assert_eq!(kept.take(&Key { origin: address.origin(false).unwrap(), ..key(SHOP) }).await, None);
        assert!(kept.take(&key(SHOP)).await.is_some());
    }

    #[tokio::test]
    async fn t070_one_that_could_not_be_made_clean_is_not_used() {
        let kept = Kept::<u8>::default();
        kept.keep(key(SHOP), in_a_minute(), async { None });
        assert_eq!(kept.take(&key(SHOP)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_a_minute_after_it_signed_in_though_nobody_comes() {
        let (kept, session) = (Kept::default(), Arc::new(()));
        let until = in_a_minute();
        kept.let_go_at(until);
        let clean = Arc::clone(&session);
        kept.keep(key(SHOP), until, async { Some(clean) });
        tokio::time::sleep(Duration::from_millis(59_990)).await;
        let (used, still) = kept.take(&key(SHOP)).await.unwrap();
        assert_eq!(still, until, "use makes it no younger");
        kept.keep(key(SHOP), still, async { Some(used) });
        assert_eq!(Arc::strong_count(&session), 2);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(Arc::strong_count(&session), 1);
        // and one that is too old already is not kept
        let clean = Arc::clone(&session);
        kept.keep(key(SHOP), until, async { Some(clean) });
        assert_eq!(Arc::strong_count(&session), 1);
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let (kept, session) = (Kept::default(), Arc::new(()));
        for _ in 0..20 {
            let clean = Arc::clone(&session);
            kept.keep(key(SHOP), in_a_minute(), async { Some(clean) });
        }
        assert_eq!(Arc::strong_count(&session), 1 + MOST);
    }
}
