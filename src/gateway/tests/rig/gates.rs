//! The ledger of a rig can be held, and can fail.

use super::*;

/// Gates of the ledger: what was committed can be held back before it is known, and a disk can be full.
#[derive(Debug)]
pub(crate) struct Gates {
    /// `admit` and `decide` are committed and do not return until this has a permit.
    pub(crate) hold: AtomicBool,
    pub(crate) held: Semaphore,
    pub(crate) go_on: Semaphore,
    /// Which methods fail.
    pub(crate) broken: Mutex<Vec<&'static str>>,
}

impl Gates {
    pub(super) fn open() -> Self {
        let (held, go_on) = (Semaphore::new(0), Semaphore::new(0));
        Self { hold: AtomicBool::new(false), held, go_on, broken: Mutex::default() }
    }
}

#[async_trait]
impl Hook for Gates {
    async fn before(&self, method: &'static str) -> Result<(), LedgerError> {
        let broken = self.broken.lock().unwrap().contains(&method);
        if broken { Err(LedgerError::Corrupt(format!("`{method}` was told to fail"))) } else { Ok(()) }
    }

    async fn after(&self, method: &'static str) {
        if ["admit", "decide"].contains(&method) && self.hold.load(Ordering::SeqCst) {
            self.held.add_permits(1);
            self.go_on.acquire().await.unwrap().forget();
        }
    }
}
