//! Which process of a home serves the site, and where.
//!
//! INVARIANT: who serves holds the lock on `site.lock`, from before the port is bound until the last decision that came
//! through it has ended. Everybody else tries once a second, so that another takes over within two.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{guard::Authorities, listener::Loopback, router};
use crate::{
    config::Settings,
    files::Lock,
    gateway::{Gateway, Parts},
    ledger::LedgerError,
};

const RETRY: Duration = Duration::from_secs(1);
/// How often, and how long, a command that links to the site looks for it.
const LOOK: Duration = Duration::from_millis(50);
const SOON: Duration = Duration::from_secs(5);
/// How long decisions in flight may take when the host stops, as at the end of input.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the last answers may take to reach the browser.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Meta: what links begin with; empty while there is no site.
const META_URL: &str = "site";
/// Meta: `configured:bound`, so that a port that had to be moved stays where it went.
const META_PORT: &str = "site_port";

/// The site, as one process serves it.
#[derive(Debug)]
pub struct Site {
    gateway: Arc<Gateway>,
    authorities: Authorities,
    origin: String,
    tasks: TaskTracker,
}

impl Site {
    /// A site at `port`, whose links begin with `base`.
    pub(super) fn new(gateway: Arc<Gateway>, port: u16, base: &str) -> Arc<Self> {
        let origin = url::Url::parse(base).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
        Arc::new(Self { gateway, authorities: Authorities::new(port, base), origin, tasks: TaskTracker::new() })
    }

    pub(super) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    pub(super) fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Where links lead, port included: the one address that passkeys are enrolled at and used at.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Requests that are being answered.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}

/// Serves the home's approval site whenever no other process does, until `stop`. Waits for the home too, where there is
/// none yet. Returns when what was being decided has ended.
pub async fn host(gateway: Arc<Gateway>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some(parts) = gateway.parts() {
            match Lock::try_exclusive(&parts.snapshots.home().site_lock()) {
                Ok(Some(lock)) => {
                    if let Err(error) = serve(&gateway, &parts, &stop).await {
                        tracing::warn!("the approval site cannot be served: {error}");
                    }
                    drop(lock);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!("the approval site cannot be served: {error}"),
            }
        }
        pause(RETRY, &stop).await;
    }
}

/// What links begin with, as soon as some process of the home serves the site; `None` if none does within a few seconds.
pub async fn hosted(gateway: &Gateway) -> Option<String> {
    let look = async {
        loop {
            if let Some(parts) = gateway.parts()
                && let Some((_, port)) = remembered(&parts)
                && matches!(Lock::try_exclusive(&parts.snapshots.home().site_lock()), Ok(None))
                && tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
                && let Some(site) = parts.snapshots.current().ok().and_then(|snapshot| snapshot.site.clone())
            {
                return site;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(SOON, look).await.ok()
}

/// Why this process cannot serve now.
#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error("no port from {0} to {last} is free", last = .0.saturating_add(9))]
    NoPort(u16),
    #[error("{0}")]
    Home(String),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Serves until `stop`, or until the settings name another place.
async fn serve(gateway: &Arc<Gateway>, parts: &Arc<Parts>, stop: &CancellationToken) -> Result<(), HostError> {
    let settings = settings(parts)?;
    let configured = settings.listen.port();
    let before = remembered(parts).filter(|(wanted, _)| *wanted == configured).map(|(_, bound)| bound);
    let bound = if has_passkey(parts).await? {
        // passkeys are for one port: on another they would be good for nothing
        Loopback::bind_only(before.unwrap_or(configured)).await
    } else {
        Loopback::bind(configured, before).await
    };
    let Some(listener) = bound else {
        set_meta(parts, vec![(META_URL, String::new())]).await?;
        return Err(HostError::NoPort(configured));
    };
    let port = listener.port();
    let base = base_url(&settings, port);
    let site = Site::new(Arc::clone(gateway), port, &base);
    let closing = CancellationToken::new();
    let server = axum::serve(listener, router(&site)).with_graceful_shutdown(closing.clone().cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    // together: whoever sees the port sees the address that belongs to it
    let told = set_meta(parts, vec![(META_PORT, format!("{configured}:{port}")), (META_URL, base.clone())]).await;
    if told.is_ok() {
        tracing::info!("the approval site is at {base}");
        moved_or_stopped(parts, &settings, stop).await;
    }
    // no new connections; what is being decided runs to its end, then its answers go out
    closing.cancel();
    site.tasks.close();
    if tokio::time::timeout(PATIENCE, site.tasks.wait()).await.is_err() {
        tracing::warn!("the approval site was stopped while a decision was still running");
    }
    if tokio::time::timeout(LAST_WORDS, &mut server).await.is_err() {
        server.abort();
    }
    Ok(told?)
}

/// Is a passkey enrolled at a port of this computer?
async fn has_passkey(parts: &Parts) -> Result<bool, LedgerError> {
    Ok(parts.home.passkeys(None).await?.iter().any(|passkey| passkey.origin.starts_with("http:")))
}

async fn moved_or_stopped(parts: &Arc<Parts>, served: &Settings, stop: &CancellationToken) {
    loop {
        pause(RETRY, stop).await;
        // settings that cannot be read leave the site where it is
        let moved = settings(parts)
            .is_ok_and(|now| now.listen.port() != served.listen.port() || now.public_url != served.public_url);
        if stop.is_cancelled() || moved {
            return;
        }
    }
}

fn settings(parts: &Parts) -> Result<Arc<Settings>, HostError> {
    let snapshot = parts.snapshots.current().map_err(|error| HostError::Home(error.to_string()))?;
    Ok(Arc::clone(&snapshot.settings))
}

/// What links begin with: `public_url`, at the port that was really bound where it names this computer directly.
fn base_url(settings: &Settings, port: u16) -> String {
    let direct = url::Url::parse(&settings.public_url)
        .ok()
        .filter(|url| url.scheme() == "http" && url.port_or_known_default() == Some(settings.listen.port()));
    match direct {
        Some(mut url) => match url.set_port(Some(port)) {
            Ok(()) => url.origin().ascii_serialization(),
            Err(()) => settings.public_url.clone(),
        },
        None => settings.public_url.clone(),
    }
}

/// The configured port and the one that was bound, of whoever served last.
fn remembered(parts: &Parts) -> Option<(u16, u16)> {
    let text = parts.home.meta(META_PORT).ok().flatten()?;
    let (configured, bound) = text.split_once(':')?;
    Some((configured.parse().ok()?, bound.parse().ok()?))
}

async fn set_meta(parts: &Arc<Parts>, facts: Vec<(&'static str, String)>) -> Result<(), LedgerError> {
    let parts = Arc::clone(parts);
    tokio::task::spawn_blocking(move || {
        let facts: Vec<(&str, &str)> = facts.iter().map(|(key, value)| (*key, value.as_str())).collect();
        for (key, value) in &facts {
            if parts.home.meta(key)?.as_deref() != Some(*value) {
                return parts.home.set_meta(&facts);
            }
        }
        Ok(())
    })
    .await
    .map_err(|_| LedgerError::Stopped)?
}

async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn base(listen: &str, public_url: &str, port: u16) -> String {
        let text = format!("[site]\nlisten = \"{listen}\"\npublic_url = \"{public_url}\"\n");
        base_url(&Settings::parse(&text, &Environment::default()).unwrap(), port)
    }

    #[test]
    fn links_follow_the_port_only_where_they_name_this_computer() {
        assert_eq!(base("127.0.0.1:4747", "http://localhost:4747", 4747), "http://localhost:4747");
        assert_eq!(base("127.0.0.1:4747", "http://localhost:4747", 4749), "http://localhost:4749");
        assert_eq!(base("127.0.0.1:4747", "https://port.example.com", 4749), "https://port.example.com");
        assert_eq!(base("127.0.0.1:4747", "http://localhost:8080", 4749), "http://localhost:8080");
        assert_eq!(base("127.0.0.1:0", "http://localhost:0", 50123), "http://localhost:50123");
    }
}
