//! Telling people what waits, for as long as this process runs. Agents never wait for it.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Gateway, Parts, internal};
use crate::{ledger::Told, snapshot::Snapshot};

/// How often the ledger is asked what is due. Other processes ask too, and what is new here is seen at once.
const ROUND: Duration = Duration::from_secs(1);
/// How long a message that is being sent may take at the end.
const PATIENCE: Duration = Duration::from_secs(10);

impl Gateway {
    /// Carries messages over the home's channels until `stop`, then waits for those that are being sent.
    pub async fn tell(self: Arc<Self>, stop: CancellationToken) {
        let mut said = String::new();
        while !stop.is_cancelled() {
            let parts = self.parts();
            if let Some(parts) = &parts
                && let Err(reason) = round(parts).await
                && said != reason
            {
                tracing::warn!("nobody can be told of what waits: {reason}");
                said = reason;
            }
            let news = async {
                match &parts {
                    Some(parts) => parts.courier.news().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = news => {}
                () = stop.cancelled() => {}
            }
        }
        if let Some(parts) = self.opened_parts() {
            parts.courier.drain(PATIENCE).await;
        }
    }

    /// One round, and what it began: for a command that ends.
    pub async fn tell_once(&self) {
        let Some(parts) = self.opened_parts() else { return };
        if let Err(reason) = round(&parts).await {
            tracing::warn!("nobody can be told of what waits: {reason}");
        }
        parts.courier.drain(PATIENCE).await;
    }

    /// Notes that people have to be told of an approval, and says whether anybody will be.
    pub(super) async fn announce(&self, parts: &Parts, snapshot: &Snapshot, approval: &str) -> Told {
        parts.courier.announce(approval, &snapshot.settings).await.unwrap_or_else(|error| {
            // the approval itself waits; its agent is told that it has to pass the link on
            drop(internal(&error));
            Told::Nobody
        })
    }
}

async fn round(parts: &Parts) -> Result<(), String> {
    let snapshot = parts.snapshots.current().map_err(|error| error.to_string())?;
    parts.courier.round(&snapshot).await.map_err(|error| error.to_string())
}
