//! The sign-ins that are under way, of each session the last one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    account::Account,
    clock::{Millis, Now},
    upstream::oauth::{Authorization, Client, Returned, Server, SignedIn},
    web::visitor::Visitor,
};

/// How long a person may take at the vendor, and as long again on the page that stores it. By the boot clock.
const PATIENCE: Millis = 600_000;
/// More at once are not kept: the one that ends first goes.
const MOST: usize = 16;

/// In the memory of this process.
#[derive(Debug, Default)]
pub(in crate::web) struct SignIns(Mutex<BTreeMap<String, UnderWay>>);

#[derive(Debug)]
struct UnderWay {
    /// `posthog/default`
    of: String,
    until: Millis,
    stage: Stage,
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
    pub(in crate::web) server: Server,
    pub(in crate::web) client: Client,
    pub(in crate::web) authorization: Authorization,
}

/// Tokens, and whose account they are of.
#[derive(Debug)]
pub(in crate::web) struct Back {
    pub(in crate::web) account: Account,
    pub(in crate::web) tokens: SignedIn,
}

impl SignIns {
    /// From now on this is the session's.
    pub(super) fn put(&self, visitor: &Visitor, of: String, stage: Stage, now: Now) {
        let mut all = self.lock(now);
        all.insert(key(visitor), UnderWay { of, until: now.boot.saturating_add(PATIENCE), stage });
        if all.len() > MOST {
            let first = all.iter().min_by_key(|(_, one)| one.until).map(|(key, _)| key.clone());
            first.and_then(|first| all.remove(&first));
        }
    }

    /// What the session awaits, if this is the answer to it; it is awaited no more then. `None` changes nothing.
    pub(super) fn answered(&self, visitor: &Visitor, query: &str, now: Now) -> Option<(String, Arc<Away>, Returned)> {
        let (mut all, key) = (self.lock(now), key(visitor));
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
    pub(in crate::web) fn stage(&self, visitor: &Visitor, of: &str, now: Now) -> Option<Stage> {
        let all = self.lock(now);
        all.get(&key(visitor)).filter(|one| one.of == of).map(|one| one.stage.clone())
    }

    /// It is stored, or it is said why not.
    pub(in crate::web) fn end(&self, visitor: &Visitor) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(visitor));
    }

    /// Those whose time is not over.
    fn lock(&self, now: Now) -> MutexGuard<'_, BTreeMap<String, UnderWay>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| now.boot < one.until);
        all
    }
}

/// The session, told apart without its cookie.
fn key(visitor: &Visitor) -> String {
    visitor.form_token("oauth")
}
