//! TLS of our own: what proves to a client that it is us, and a connection that begins with its handshake.

mod acme;
mod files;
mod stream;
mod validity;

use std::sync::Arc;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

pub(super) use self::{acme::Ordered, files::FromFiles, stream::Stream};
pub use self::{
    acme::{Standing, standing},
    files::valid_until,
};
use crate::{config::Tls, gateway::Gateway, gateway::Parts};

/// What proves to a client that it is us.
#[derive(Debug)]
pub(super) enum Certificate {
    /// The owner's files.
    Files(FromFiles),
    /// What an authority gave us.
    Ordered(Ordered),
}

impl Certificate {
    /// As the settings say. The owner's files must be good; a certificate that has to be ordered may still be missing.
    pub(super) fn read(tls: Tls, gateway: &Gateway, parts: &Arc<Parts>) -> Result<Self, String> {
        match tls {
            Tls::Files(files) => FromFiles::read(files).map(Self::Files),
            Tls::Acme(wanted) => {
                Ordered::open(wanted, Arc::clone(parts), Arc::clone(gateway.clock())).map(Self::Ordered)
            }
        }
    }

    /// Takes a new one when it is time, until `stop`. The last good one stays meanwhile. For when connections are taken: an
    /// authority comes to look.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        match self.as_ref() {
            Self::Files(_) => {
                while stop.run_until_cancelled(tokio::time::sleep(files::LOOK)).await.is_some() {
                    let this = Arc::clone(&self);
                    drop(tokio::task::spawn_blocking(move || this.look()).await);
                }
            }
            Self::Ordered(ordered) => {
                stop.run_until_cancelled(ordered.keep()).await;
            }
        }
    }

    fn look(&self) {
        match self {
            Self::Files(files) => files.look(),
            Self::Ordered(_) => {}
        }
    }

    fn config(&self) -> Arc<ServerConfig> {
        match self {
            Self::Files(files) => files.config(),
            Self::Ordered(ordered) => ordered.config(),
        }
    }
}

/// TLS 1.2 or 1.3, with whatever a connection is shown.
fn server() -> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(|error| error.to_string())?.with_no_client_auth())
}
