//! Which process of a home serves the site, and where. A gateway of its own (`serving`) goes before all others.
//!
//! INVARIANT: who serves holds the lock on `site.lock`, from before the port is bound until the last decision that came
//! through it has ended. Everybody else tries once a second, so that another takes over within two.

mod serving;

use std::{sync::Arc, time::Duration};

use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::serving::{Doors, ServeError, serve};
use super::{
    guard::Authorities,
    listener::{Loopback, Remote},
    oauth::SignIns,
    router,
    tls::Certificate,
};
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
    sign_ins: SignIns,
}

impl Site {
    /// A site at `port`, whose links begin with `base`.
    #[cfg(test)]
    pub(super) fn new(gateway: Arc<Gateway>, port: u16, base: &str) -> Arc<Self> {
        Self::listening(gateway, port, &[base], false)
    }

    /// One whose links begin with the first of `names`, and that answers to all of them.
    fn listening(gateway: Arc<Gateway>, port: u16, names: &[&str], tls: bool) -> Arc<Self> {
        let base = names.first().copied().unwrap_or_default();
        let origin = url::Url::parse(base).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
        let authorities = Authorities::new(port, names, tls);
        Arc::new(Self { gateway, authorities, origin, tasks: TaskTracker::new(), sign_ins: SignIns::default() })
    }

    pub(super) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// The same site at another door, under names of its own.
    #[cfg(unix)]
    fn at_socket(&self) -> Arc<Self> {
        // what a client writes that has no host to name
        let authorities = Authorities::new(80, &[], false);
        let (gateway, tasks) = (Arc::clone(&self.gateway), self.tasks.clone());
        Arc::new(Self { gateway, authorities, origin: String::new(), tasks, sign_ins: SignIns::default() })
    }

    pub(super) fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Where links lead, port included: the one address that passkeys are enrolled at and used at.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The sign-ins at vendors that are under way.
    pub(super) fn sign_ins(&self) -> &SignIns {
        &self.sign_ins
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
        if let Some(parts) = gateway.parts().filter(|parts| !has_gateway(parts) && !parts.home.is_outdated()) {
            match Lock::try_exclusive(&parts.snapshots.home().site_lock()) {
                Ok(Some(lock)) => {
                    if let Err(error) = serve_pages(&gateway, &parts, &stop).await {
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
async fn serve_pages(gateway: &Arc<Gateway>, parts: &Arc<Parts>, stop: &CancellationToken) -> Result<(), HostError> {
    let settings = settings(parts)?;
    let configured = settings.listen.port();
    let before = remembered(parts).filter(|(wanted, _)| *wanted == configured).map(|(_, bound)| bound);
    let bound = if has_passkey(parts).await? {
        // passkeys are for one port: on another they would be good for nothing
        Loopback::bind_only(before.unwrap_or(configured)).await
    } else {
        Loopback::bind(configured, before).await
    };
    let tls = certificate(&settings, gateway, parts).await.map_err(HostError::Home)?;
    let Some(listener) = bound.map(|bound| bound.with(tls.clone())) else {
        set_meta(parts, vec![(META_URL, String::new())]).await?;
        return Err(HostError::NoPort(configured));
    };
    let port = listener.port();
    let base = base_url(&settings, port);
    let site = Site::listening(Arc::clone(gateway), port, &[&base], settings.tls.is_some());
    let told = format!("{configured}:{port}");
    let until = moved_or_stopped(parts, &settings, stop);
    let watching = watch(tls, stop);
    let served = run(parts, &site, listener, router(&site), (told, base), until).await;
    watching.cancel();
    served
}

/// The certificate of the settings.
async fn certificate(
    settings: &Settings,
    gateway: &Arc<Gateway>,
    parts: &Arc<Parts>,
) -> Result<Option<Arc<Certificate>>, String> {
    let Some(tls) = settings.tls.clone() else { return Ok(None) };
    let (gateway, parts) = (Arc::clone(gateway), Arc::clone(parts));
    let read = tokio::task::spawn_blocking(move || Certificate::read(tls, &gateway, &parts)).await;
    Ok(Some(Arc::new(read.map_err(|error| error.to_string())??)))
}

/// Has it renewed until it is cancelled, or until `stop`. Connections are taken already.
fn watch(certificate: Option<Arc<Certificate>>, stop: &CancellationToken) -> CancellationToken {
    let watching = stop.child_token();
    if let Some(certificate) = certificate {
        tokio::spawn(certificate.watch(watching.clone()));
    }
    watching
}

/// Is there a gateway? It hosts the site.
fn has_gateway(parts: &Parts) -> bool {
    Lock::is_held(&parts.snapshots.home().gateway_lock()).unwrap_or_else(|error| {
        tracing::warn!("{error}");
        false
    })
}

/// Serves `until` then, and lets what runs end.
async fn run(
    parts: &Arc<Parts>,
    site: &Site,
    listener: Loopback,
    routes: axum::Router,
    (port, base): (String, String),
    until: impl Future<Output = ()>,
) -> Result<(), HostError> {
    let closing = CancellationToken::new();
    let routes = if listener.has_tls() { routes.layer(axum::middleware::map_response(stay_with_tls)) } else { routes };
    let server = axum::serve(listener, routes.into_make_service_with_connect_info::<Remote>())
        .with_graceful_shutdown(closing.clone().cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    // together: whoever sees the port sees the address that belongs to it
    let told = set_meta(parts, vec![(META_PORT, port), (META_URL, base.clone())]).await;
    if told.is_ok() {
        tracing::info!("the approval site is at {base}");
        until.await;
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

/// HSTS: whoever came once with TLS comes with it for a year.
async fn stay_with_tls(mut response: Response) -> Response {
    let year = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    response
}

/// Is a passkey enrolled at a port of this computer?
async fn has_passkey(parts: &Parts) -> Result<bool, LedgerError> {
    Ok(parts.home.passkeys(None).await?.iter().any(|passkey| passkey.origin.starts_with("http:")))
}

async fn moved_or_stopped(parts: &Arc<Parts>, served: &Settings, stop: &CancellationToken) {
    loop {
        pause(RETRY, stop).await;
        // settings that cannot be read leave the site where it is
        let moved = settings(parts).is_ok_and(|now| {
            now.listen.port() != served.listen.port() || now.public_url != served.public_url || now.tls != served.tls
        });
        // a process of the newer version takes over
        if stop.is_cancelled() || moved || has_gateway(parts) || parts.home.is_outdated() {
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
    // with TLS of ours, https is ours too
    let own = if settings.tls.is_some() { "https" } else { "http" };
    let direct = url::Url::parse(&settings.public_url)
        .ok()
        .filter(|url| url.scheme() == own && url.port_or_known_default() == Some(settings.listen.port()));
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
