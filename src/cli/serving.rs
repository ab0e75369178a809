//! The approval site, served for as long as a command runs, unless another process of the home serves it already.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::{files::Lock, gateway::Gateway, web};

/// Decisions in flight may take so long when the command ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// The site is there.
pub(super) struct Serving {
    base: String,
    ours: bool,
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    site: JoinHandle<()>,
    telling: JoinHandle<()>,
}

impl Serving {
    /// Returns once some process of this home hosts the site: from then on links to it are right.
    pub(super) async fn start(gateway: &Arc<Gateway>) -> Result<Self, Failure> {
        let ours = match gateway.parts() {
            Some(parts) => !Lock::is_held(&parts.snapshots.home().site_lock())?,
            None => true,
        };
        let stop = CancellationToken::new();
        let site = tokio::spawn(web::host(Arc::clone(gateway), stop.clone()));
        let telling = tokio::spawn(Arc::clone(gateway).tell(stop.clone()));
        let base = match web::hosted(gateway).await {
            Some(base) => Some(base),
            // a gateway may listen where this computer cannot look by its loopback address
            None if has_gateway(gateway)? => {
                let snapshot = gateway.open_parts()?.snapshots.current();
                Some(snapshot.map_err(|error| Failure::new(error.to_string()))?.settings.public_url.clone())
            }
            None => None,
        };
        let base = base.ok_or_else(|| {
            Failure::new("the approval site could not be served: its ports are taken by other programs")
                .hint("free one, or set `listen` in agentport.toml; the terminal works meanwhile: `agentport approvals approve`, `agentport factor add totp`")
        })?;
        Ok(Self { base, ours, gateway: Arc::clone(gateway), stop, site, telling })
    }

    /// What links begin with.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Did no other process serve it when the command began, so that it ends with the command?
    pub(super) fn is_ours(&self) -> bool {
        self.ours
    }

    /// Is it a gateway's, which goes on when the command has ended?
    pub(super) fn by_a_gateway(&self) -> Result<bool, Failure> {
        has_gateway(&self.gateway)
    }

    /// What helps a person at another machine.
    pub(super) fn tunnel_hint(&self) -> String {
        let port = self.base.rsplit(':').next().unwrap_or_default();
        format!("from another machine first: ssh -L {port}:localhost:{port} <this machine>")
    }

    /// Lets what is being decided end, then serves no more.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.gateway.drain(PATIENCE).await;
        drop(self.site.await);
        drop(self.telling.await);
    }
}

fn has_gateway(gateway: &Gateway) -> Result<bool, Failure> {
    let lock = gateway.open_parts()?.snapshots.home().gateway_lock();
    Lock::is_held(&lock).map_err(|error| Failure::new(error.to_string()))
}
