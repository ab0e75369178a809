//! How much one agent may ask, and all of them together.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{call::Caller, clock::Millis};

/// How many requests an agent may begin at once after a pause, and how many a second from there.
const BURST: i64 = 120;
const PER_SECOND: i64 = 30;
/// How many of one agent, and of all, may be under way. What waits for a human is under way.
const OF_ONE: usize = 32;
const OF_ALL: usize = 512;

/// What every agent has used up.
#[derive(Debug)]
pub(super) struct Limits {
    agents: Mutex<BTreeMap<Caller, Bucket>>,
    places: Arc<Semaphore>,
}

/// Why a request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// This agent asks too much.
    Agent,
    /// All of them together do.
    Everybody,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Place {
    _of_one: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// In thousandths of a request, so that whole numbers do.
#[derive(Debug)]
struct Bucket {
    left: i64,
    at: Millis,
    places: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { agents: Mutex::default(), places: Arc::new(Semaphore::new(OF_ALL)) }
    }
}

impl Limits {
    /// How many requests of all are under way.
    pub(super) fn under_way(&self) -> usize {
        OF_ALL.saturating_sub(self.places.available_permits())
    }

    /// One more request of this agent, `now` by the boot clock.
    pub(super) fn enter(&self, caller: &Caller, now: Millis) -> Result<Place, Refused> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = agents.entry(caller.clone()).or_insert_with(|| Bucket {
            left: BURST * 1000,
            at: now,
            places: Arc::new(Semaphore::new(OF_ONE)),
        });
        let passed = now.saturating_sub(bucket.at).max(0);
        bucket.left = bucket.left.saturating_add(passed.saturating_mul(PER_SECOND)).min(BURST * 1000);
        bucket.at = now;
        if bucket.left < 1000 {
            return Err(Refused::Agent);
        }
        let of_one = Arc::clone(&bucket.places).try_acquire_owned().map_err(|_| Refused::Agent)?;
        let of_all = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::Everybody)?;
        bucket.left -= 1000;
        Ok(Place { _of_one: of_one, _of_all: of_all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> Caller {
        Caller::parse(name).unwrap()
    }

    #[test]
    fn an_agent_that_asks_too_often_waits_and_no_other_does() {
        let limits = Limits::default();
        let (greedy, modest) = (caller("greedy"), caller("modest"));
        for _ in 0..BURST {
            drop(limits.enter(&greedy, 0).unwrap());
        }
        assert_eq!(limits.enter(&greedy, 0).unwrap_err(), Refused::Agent);
        drop(limits.enter(&modest, 0).unwrap());
        assert_eq!(limits.enter(&greedy, 33).unwrap_err(), Refused::Agent);
        drop(limits.enter(&greedy, 34).unwrap());
        assert_eq!(limits.enter(&greedy, 34).unwrap_err(), Refused::Agent);
    }

    #[test]
    fn an_agent_has_so_many_requests_under_way_and_all_have_so_many() {
        let limits = Limits::default();
        let one = caller("one");
        let held: Vec<Place> = (0..OF_ONE).map(|_| limits.enter(&one, 0).unwrap()).collect();
        assert_eq!(limits.enter(&one, 0).unwrap_err(), Refused::Agent);
        drop(held);
        let everybody: Vec<Place> = (0..OF_ALL)
            .map(|number| limits.enter(&caller(&format!("agent-{}", number / OF_ONE)), 0).unwrap())
            .collect();
        assert_eq!(limits.enter(&one, 0).unwrap_err(), Refused::Everybody);
        drop(everybody);
        drop(limits.enter(&one, 0).unwrap());
    }
}
