//! A gateway of its own, at the address that the settings name: for agents and people, and before every other process.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use super::LAST_WORDS;
use super::{LOOK, PATIENCE, SOON, Site, base_url, certificate, run, settings, watch};
#[cfg(unix)]
use crate::web::{peer::Peer, socket::Socket};
use crate::{
    files::Lock,
    gateway::Gateway,
    web::{api, listener::Loopback, router},
};

/// What a gateway has beside the pages; what stands behind each is not this module's.
#[derive(Debug, Clone)]
pub struct Doors {
    /// What a body must be before anything reads it.
    pub check_json: fn(&[u8]) -> Result<(), String>,
    /// MCP over HTTP. It finds who calls in the request.
    pub mcp: axum::Router,
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another one is there.
    #[error("another `agentport serve` runs on this home; stop it first")]
    Another,
    /// Who hosts the site does not let go of it.
    #[error("another process of this home serves the approval site and does not yield; stop it, then try again")]
    Unyielding,
    /// The address is somebody else's.
    #[error("{0} cannot be listened on: {1}; stop what uses it, or set `listen` in agentport.toml")]
    Taken(std::net::SocketAddr, std::io::Error),
    /// There is no good certificate.
    #[error("the certificate cannot be used: {0}")]
    Tls(String),
    /// So is the socket, or its folder is no place for one.
    #[error("the socket cannot be listened on: {0}")]
    Socket(String),
    /// The home cannot be read or written.
    #[error("{0}")]
    Home(String),
}

/// Serves agents and people at `listen` until `stop`. Whoever hosts the site yields; returns when what ran has ended.
///
/// # Errors
/// Why there is no gateway.
pub async fn serve(gateway: Arc<Gateway>, doors: Doors, stop: CancellationToken) -> Result<(), ServeError> {
    let home = |error: &dyn std::fmt::Display| ServeError::Home(error.to_string());
    let parts = gateway.open_parts().map_err(|error| home(&error))?;
    let paths = parts.snapshots.home().clone();
    let alone = paths.gateway_lock();
    // those who look whether there is a gateway hold it for a moment
    let alone = tokio::task::spawn_blocking(move || Lock::exclusive(&alone, SOON)).await;
    let _alone = alone.map_err(|error| home(&error))?.map_err(|_| ServeError::Another)?;
    let yielded = async {
        loop {
            match Lock::try_exclusive(&paths.site_lock()) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) => tokio::time::sleep(LOOK).await,
                Err(error) => return Err(home(&error)),
            }
        }
    };
    let lock = tokio::time::timeout(PATIENCE, yielded).await.map_err(|_| ServeError::Unyielding)??;
    let settings = settings(&parts).map_err(|error| home(&error))?;
    let tls = certificate(&settings, &gateway, &parts).await.map_err(ServeError::Tls)?;
    let listener =
        Loopback::bind_exactly(settings.listen).await.map_err(|error| ServeError::Taken(settings.listen, error))?;
    watch(tls.clone(), &stop);
    let (listener, scheme) = (listener.with(tls), if settings.tls.is_some() { "https" } else { "http" });
    let (configured, port) = (settings.listen.port(), listener.port());
    let base = base_url(&settings, port);
    let own = format!("{scheme}://{}", std::net::SocketAddr::new(settings.listen.ip(), port));
    let names = if settings.listen.ip().is_unspecified() { vec![base.as_str()] } else { vec![base.as_str(), &own] };
    let site = Site::listening(Arc::clone(&gateway), port, &names, settings.tls.is_some());
    let agents = api::Agents::new(doors, stop.clone());
    let routes = router(&site).merge(api::router(&site, &agents));
    let told = (format!("{configured}:{port}"), base);
    #[cfg(unix)]
    let door = match &settings.socket {
        Some(path) => {
            let socket = Socket::bind(path, &gateway).await.map_err(ServeError::Socket)?;
            tracing::info!("agents of this computer come to {}", path.display());
            let routes = api::socket_router(&site.at_socket(), &agents).into_make_service_with_connect_info::<Peer>();
            let server = axum::serve(socket, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
            Some(tokio::spawn(server.into_future()))
        }
        None => None,
    };
    let served = run(&parts, &site, listener, routes, told, stop.cancelled()).await;
    #[cfg(unix)]
    if let Some(mut door) = door
        && tokio::time::timeout(LAST_WORDS, &mut door).await.is_err()
    {
        door.abort();
    }
    drop(lock);
    served.map_err(|error| home(&error))
}
