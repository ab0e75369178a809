//! The sign-ins that are under way, of each session the last one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use crate::{
    account::Account,
    clock::{Millis, Now},
    ledger::sqlite::SessionToken,
    upstream::oauth::{Authorization, Client, Returned, Server, SignedIn},
};

/// How long a person may take at the vendor, and as long again on the page that stores it. By the boot clock.
const PATIENCE: Millis = 600_000;
/// The same, for the timer that forgets what nobody comes back to.
const FORGOTTEN: Duration = Duration::from_mins(10);
/// More at once are not kept: the one that ends first goes.
const MOST: usize = 16;

/// In the memory of this process.
#[derive(Debug, Default)]
pub(in crate::web) struct SignIns(Arc<Kept>);

type Kept = Mutex<BTreeMap<String, UnderWay>>;

#[derive(Debug)]
struct UnderWay {
    /// `posthog/default`
    of: String,
    until: Millis,
    stage: Stage,
    /// Told apart from what took its place.
    timed: Arc<()>,
}

/// How far a sign-in is.
#[derive(Debug, Clone)]
pub(in crate::web) enum Stage {
    /// The browser is at the vendor.
    Away(Arc<Away>),
    /// It came back with consent.
    Back(Arc<Back>),
    /// It came to nothing, and why.
    Ended(String),
}

/// What the answer belongs to.
#[derive(Debug)]
pub(in crate::web) struct Away {
    pub(in crate::web) account: Account,
    /// The account that was there when it began.
    pub(in crate::web) before: Option<String>,
    pub(in crate::web) server: Server,
    pub(in crate::web) client: Client,
    pub(in crate::web) authorization: Authorization,
}

/// Tokens, and whose account they are of.
#[derive(Debug)]
pub(in crate::web) struct Back {
    pub(in crate::web) account: Account,
    /// The account that was there when it began.
    pub(in crate::web) before: Option<String>,
    pub(in crate::web) tokens: SignedIn,
    /// Random: by it the page names this one of all that come back to the session.
    pub(in crate::web) mark: String,
}

impl SignIns {
    /// From now on this is the session's, until its time is over.
    pub(super) fn put(&self, session: &SessionToken, of: String, stage: Stage, now: Now) {
        let (key, timed) = (key(session), Arc::new(()));
        let until = now.boot.saturating_add(PATIENCE);
        let mut all = self.lock(now);
        all.insert(key.clone(), UnderWay { of, until, stage, timed: Arc::clone(&timed) });
        if all.len() > MOST {
            let first = all.iter().min_by_key(|(_, one)| one.until).map(|(key, _)| key.clone());
            first.and_then(|first| all.remove(&first));
        }
        drop(all);
        tokio::spawn(forget(Arc::downgrade(&self.0), key, timed));
    }

    /// What the session awaits, if this is the answer to it; it is awaited no more then. `None` changes nothing.
    pub(super) fn answered(
        &self,
        session: &SessionToken,
        query: &str,
        now: Now,
    ) -> Option<(String, Arc<Away>, Returned)> {
        let (mut all, key) = (self.lock(now), key(session));
        let Stage::Away(away) = &all.get(&key)?.stage else { return None };
        let (away, returned) = (Arc::clone(away), away.authorization.accept(query));
        match returned {
            Returned::Foreign(why) => {
                tracing::warn!("a sign-in was answered by something else: {why}");
                None
            }
            Returned::Code(_) | Returned::Refused(_) => Some((all.remove(&key)?.of, away, returned)),
        }
    }

    /// How far the session's sign-in to this account is.
    pub(in crate::web) fn stage(&self, session: &SessionToken, of: &str, now: Now) -> Option<Stage> {
        let all = self.lock(now);
        all.get(&key(session)).filter(|one| one.of == of).map(|one| one.stage.clone())
    }

    /// It is stored, it is said why not, or the session has ended.
    pub(in crate::web) fn end(&self, session: &SessionToken) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(session));
    }

    /// Those whose time is not over.
    fn lock(&self, now: Now) -> MutexGuard<'_, BTreeMap<String, UnderWay>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| now.boot < one.until);
        all
    }
}

/// Tokens that nobody stores do not wait in memory for the next visitor.
async fn forget(all: Weak<Kept>, key: String, timed: Arc<()>) {
    tokio::time::sleep(FORGOTTEN).await;
    let Some(all) = all.upgrade() else { return };
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.get(&key).is_some_and(|one| Arc::ptr_eq(&one.timed, &timed)) {
        all.remove(&key);
    }
}

/// The session, told apart without its cookie.
fn key(session: &SessionToken) -> String {
    session.for_form("oauth")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SteppingClock};

    fn session(letter: &str) -> SessionToken {
        SessionToken::parse(&letter.repeat(43)).unwrap()
    }

    fn is_kept(all: &SignIns, session: &SessionToken) -> bool {
        all.0.lock().unwrap().contains_key(&key(session))
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_comes_back_to_is_forgotten_by_itself() {
        let (all, now) = (SignIns::default(), SteppingClock::starting_at(0).now());
        let (mine, other) = (session("a"), session("b"));
        let put = |session: &SessionToken| all.put(session, "x/y".to_owned(), Stage::Ended("z".to_owned()), now);
        put(&mine);
        put(&other);
        // their time begins
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_mins(6)).await;
        put(&other);
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(
            (is_kept(&all, &mine), is_kept(&all, &other)),
            (false, true),
            "what is newer has its own ten minutes"
        );
        all.end(&other);
        assert!(!is_kept(&all, &other));
    }
}
