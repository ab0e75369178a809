//! Links that a client opens for its user, and comes back from. Coming back decides nothing: it only waits.

use super::Gateway;

impl Gateway {
    /// What a client has to bring back with the very same `call`, to wait for this approval. `None`: it gets the plain
    /// answer instead.
    pub async fn offer(&self, approval: &str, call: &str) -> Option<String> {
        let parts = self.parts()?;
        match parts.home.make_offer(approval, call, self.clock.now()).await {
            Ok(state) => Some(state),
            Err(error) => {
                tracing::error!("{error}");
                None
            }
        }
    }

    /// The approval that belongs to what a client brought back with `call`; once.
    pub async fn redeem(&self, state: &str, call: &str) -> Option<String> {
        let parts = self.parts()?;
        match parts.home.take_offer(state, call, self.clock.now()).await {
            Ok(approval) => approval,
            Err(error) => {
                tracing::error!("{error}");
                None
            }
        }
    }
}
