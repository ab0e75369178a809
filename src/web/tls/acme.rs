//! A certificate that an authority gives to whoever holds the name (ACME, RFC 8555), proved by TLS itself (tls-alpn-01,
//! RFC 8737): the authority connects to our port and is shown a certificate with its own question in it.
//!
//! The last good one stays until there is another. A failure is noted for `doctor`, and tried again at growing distances, so
//! that the authority's limits are kept whatever restarts us.

mod line;
mod order;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use serde::{Deserialize, Serialize};

use super::{server, validity};
use crate::{
    clock::{Clock, Millis},
    config::{Acme, Home},
    files,
    gateway::Parts,
    ledger::LedgerError,
    visible::visible,
};

/// By which a client says that it comes to look at a proof.
const PROOF: &[u8] = b"acme-tls/1";
/// The first pause after a failure; each further one is twice as long. Let's Encrypt takes five failures an hour.
const PAUSE: Millis = 12 * 60 * 1000;
const LONGEST_PAUSE: Millis = 6 * 60 * 60 * 1000;
/// The clock may be set meanwhile.
const LOOK: Duration = Duration::from_mins(10);
/// For all of an order.
const PATIENCE: Duration = Duration::from_mins(5);

/// Meta: the last failure, or nothing.
const META: &str = "acme";

/// A certificate that is ordered, kept in `tls/` of the home and ordered again when two thirds of its time are over.
#[derive(Debug)]
pub(in crate::web) struct Ordered {
    wanted: Acme,
    parts: Arc<Parts>,
    clock: Arc<dyn Clock>,
    shows: Arc<Shows>,
    config: Arc<ServerConfig>,
    /// From when on there should be another one.
    renew: Mutex<Millis>,
}

/// What did not work, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    times: u32,
    at: Millis,
    problem: String,
}

/// How a certificate that is ordered stands, for `doctor`.
#[derive(Debug, PartialEq, Eq)]
pub struct Standing {
    /// Until when the one that there is is valid.
    pub until: Option<Millis>,
    /// When the last order failed, and why, if no later one went well.
    pub failed: Option<(Millis, String)>,
}

/// What a connection is shown.
#[derive(Debug, Default)]
struct Shows {
    own: RwLock<Option<Arc<CertifiedKey>>>,
    proof: RwLock<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Shows {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let looks = hello.alpn().is_some_and(|mut protocols| protocols.any(|protocol| protocol == PROOF));
        let shown = if looks { &self.proof } else { &self.own };
        shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ordered {
    /// With the one that there is, if there is one. Without, nobody is answered until the first order went well.
    pub(in crate::web) fn open(wanted: Acme, parts: Arc<Parts>, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let home = parts.snapshots.home();
        files::ensure_private_dir(&home.tls()).map_err(|error| error.to_string())?;
        let shows = Arc::new(Shows::default());
        let mut config = server()?.with_cert_resolver(Arc::clone(&shows) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec(), PROOF.to_vec()];
        let ordered = Self { wanted, parts, clock, shows, config: Arc::new(config), renew: Mutex::new(0) };
        let kept = files::read_private(&ordered.file()).map_err(|error| error.to_string())?;
        match kept.map(zeroize::Zeroizing::new).map(|text| ordered.show(&text)) {
            None => tracing::info!("there is no certificate for `{}` yet; it is ordered now", ordered.wanted.name),
            Some(Ok(())) if ordered.has_account() => {}
            // another authority is asked from now on
            Some(Ok(())) => ordered.set_renew(0),
            Some(Err(problem)) => {
                tracing::warn!("the kept certificate cannot be used, and is ordered again: {problem}");
            }
        }
        Ok(ordered)
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Orders when it is time, for ever.
    pub(super) async fn keep(&self) {
        // who restarts us soon after a failure does not make the authority's limits wider
        let mut next = self.failure().map_or(0, |failure| failure.at + PAUSE);
        loop {
            let now = self.clock.now().wall;
            let due = next.max(*self.renew.lock().unwrap_or_else(PoisonError::into_inner));
            if due > now {
                let left = u64::try_from(due - now).map_or(LOOK, Duration::from_millis);
                tokio::time::sleep(left.min(LOOK)).await;
                continue;
            }
            let ordered = tokio::time::timeout(PATIENCE, self.order()).await;
            self.shows.prove(None);
            let now = self.clock.now().wall;
            match ordered.unwrap_or_else(|_| Err("the authority took too long".to_owned())) {
                Ok(()) => {
                    next = 0;
                    self.note(None);
                    tracing::info!("there is a new certificate for `{}`", self.wanted.name);
                }
                Err(problem) => {
                    let times = self.failure().map_or(1, |failure| failure.times.saturating_add(1));
                    next = now + PAUSE.saturating_mul(1 << times.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
                    let problem = visible(&problem);
                    tracing::warn!(
                        "there is no new certificate for `{}`, what there is stays: {problem}",
                        self.wanted.name
                    );
                    self.note(Some(&Failure { times, at: now, problem }));
                }
            }
        }
    }

    /// Shows the key and the chain of a text in PEM from now on.
    fn show(&self, text: &[u8]) -> Result<(), String> {
        let unreadable = || "it is no key with a certificate in PEM".to_owned();
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|_| unreadable())?;
        let valid = chain.first().and_then(|first| validity::of(first)).ok_or_else(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(text).map_err(|_| unreadable())?;
        let own = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider());
        let own = own.map_err(|error| error.to_string())?;
        *self.shows.own.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(own));
        self.set_renew(valid.start + (valid.end - valid.start) / 3 * 2);
        Ok(())
    }

    fn set_renew(&self, at: Millis) {
        *self.renew.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Key and chain in one file, so that there is never one without the other.
    fn file(&self) -> PathBuf {
        file(self.parts.snapshots.home(), &self.wanted.name)
    }

    fn failure(&self) -> Option<Failure> {
        failure(&self.parts).unwrap_or_else(|error| {
            tracing::error!("{error}");
            None
        })
    }

    fn note(&self, failure: Option<&Failure>) {
        let text = failure.map(|failure| serde_json::to_string(failure).unwrap_or_default()).unwrap_or_default();
        if let Err(error) = self.parts.home.set_meta(&[(META, &text)]) {
            tracing::error!("{error}");
        }
    }
}

impl Shows {
    fn prove(&self, proof: Option<Arc<CertifiedKey>>) {
        *self.proof.write().unwrap_or_else(PoisonError::into_inner) = proof;
    }
}

/// How the certificate for a name stands in this home.
///
/// # Errors
/// The database cannot be read.
pub fn standing(parts: &Parts, name: &str) -> Result<Standing, LedgerError> {
    let kept = files::read_private(&file(parts.snapshots.home(), name)).ok().flatten().map(zeroize::Zeroizing::new);
    let until = kept.and_then(|text| validity::of_pem(&text)).map(|valid| valid.end);
    Ok(Standing { until, failed: failure(parts)?.map(|failure| (failure.at, failure.problem)) })
}

fn failure(parts: &Parts) -> Result<Option<Failure>, LedgerError> {
    Ok(parts.home.meta(META)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn file(home: &Home, name: &str) -> PathBuf {
    home.tls().join(format!("{name}.pem"))
}
