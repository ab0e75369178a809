//! The requests that wait for an answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::mcp::frame::RequestId;

/// The most requests that may wait for an answer at the same time.
pub(in crate::mcp) const MAX_FLIGHTS: usize = 64;

/// The requests in flight. One is added when it is read and removed right before its answer is written, so its id can be
/// used again by a client that has seen the answer, and not earlier.
#[derive(Debug)]
pub(super) struct Flights {
    flights: Mutex<Vec<Flight>>,
    count: watch::Sender<usize>,
}

#[derive(Debug)]
struct Flight {
    id: RequestId,
    gone: CancellationToken,
    wanted: bool,
}

/// What happens to a request that asks to be taken.
#[derive(Debug)]
pub(super) enum Takeoff {
    /// It is in flight; the token is cancelled when nobody waits for its answer any more.
    Flies(CancellationToken),
    /// Its id is that of another request in flight.
    Taken,
    /// Too many are in flight.
    Busy,
}

impl Flights {
    pub(super) fn new() -> Self {
        Self { flights: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// Takes a request whose waits end with `left`.
    pub(super) fn take(&self, id: &RequestId, left: &CancellationToken) -> Takeoff {
        let mut flights = self.lock();
        if flights.iter().any(|flight| flight.id == *id) {
            return Takeoff::Taken;
        }
        if flights.len() >= MAX_FLIGHTS {
            return Takeoff::Busy;
        }
        let gone = left.child_token();
        flights.push(Flight { id: id.clone(), gone: gone.clone(), wanted: true });
        self.count.send_replace(flights.len());
        Takeoff::Flies(gone)
    }

    /// The client does not want the answer any more. The id stays taken until the work behind it has ended: an answer
    /// that came late would else be taken for that of a later request.
    pub(super) fn cancel(&self, id: &RequestId) {
        if let Some(flight) = self.lock().iter_mut().find(|flight| flight.id == *id) {
            flight.wanted = false;
            flight.gone.cancel();
        }
    }

    /// Its answer is there. Says whether the client still wants it.
    pub(super) fn land(&self, id: &RequestId) -> bool {
        let mut flights = self.lock();
        let Some(at) = flights.iter().position(|flight| flight.id == *id) else { return false };
        let flight = flights.swap_remove(at);
        self.count.send_replace(flights.len());
        flight.wanted
    }

    /// Waits until none is in flight.
    pub(super) async fn all_landed(&self) {
        // It fails only without a sender, and that is ours.
        drop(self.count.subscribe().wait_for(|count| *count == 0).await);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
