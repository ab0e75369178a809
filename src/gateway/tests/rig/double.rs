//! The upstream of a rig.

use super::*;

/// How the double takes a request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    Answer(Outcome),
    /// Until it is released.
    Hang,
    Panic,
}

/// An upstream that does as it is told and remembers what it was sent; also who is told that something waits.
#[derive(Debug)]
pub(crate) struct Double {
    pub(crate) sent: Mutex<Vec<Sent>>,
    next: Mutex<VecDeque<Behaviour>>,
    pub(crate) arrived: Semaphore,
    pub(crate) release: Notify,
    pub(crate) told: AtomicU32,
    evidence: Evidence,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) tool: String,
    pub(crate) digest: String,
    pub(crate) idempotency_key: String,
}

impl Double {
    pub(super) fn watched_by(evidence: &Evidence) -> Self {
        Self {
            sent: Mutex::default(),
            next: Mutex::default(),
            arrived: Semaphore::new(0),
            release: Notify::new(),
            told: AtomicU32::new(0),
            evidence: evidence.clone(),
        }
    }

    /// What it does with the next request; after them it answers.
    pub(crate) fn then(&self, behaviour: Behaviour) {
        self.next.lock().unwrap().push_back(behaviour);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// How many requests arrived.
    pub(crate) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Waits until one more request has arrived.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Upstream for Double {
    async fn send(&self, permit: &Permit, credential: Credential) -> Outcome {
        assert_eq!(credential.origin(), permit.plan().origin());
        self.evidence.saw(format!("{permit:?} {credential:?}"));
        self.sent.lock().unwrap().push(Sent {
            tool: permit.plan().tool(),
            digest: permit.plan().digest().to_string(),
            idempotency_key: permit.idempotency_key().to_owned(),
        });
        self.arrived.add_permits(1);
        let behaviour = self.next.lock().unwrap().pop_front();
        match behaviour.unwrap_or_else(|| Behaviour::Answer(done())) {
            Behaviour::Answer(outcome) => outcome,
            Behaviour::Hang => {
                self.release.notified().await;
                done()
            }
            Behaviour::Panic => panic!("the upstream fell over"),
        }
    }
}

impl Notifier for Double {
    fn waiting(&self, approval: &Approval, url: Option<&str>) {
        self.evidence.saw(format!("{approval:?} {url:?}"));
        self.told.fetch_add(1, Ordering::SeqCst);
    }
}
