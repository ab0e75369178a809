//! The one HTTP client of the whole program.
//!
//! Nothing from the environment changes where it goes or whom it trusts: no proxy, compiled-in roots, its own resolver.
//! It follows no redirect, repeats nothing, keeps no cookie, and has a limit for everything that a server can send.

mod asked;
mod fault;
mod resolve;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Client, Request, Response, StatusCode,
    header::{self, HeaderMap},
};
use rustls::RootCertStore;
use tokio::time::{Instant, timeout_at};

pub use self::fault::{Fault, Lost, NotSent};
pub(super) use self::resolve::judge;
use self::resolve::{Lookup, Resolver};
use super::Credential;
use crate::{
    account::Origin,
    trust::{self, Authorities, Trust},
};

/// How long a server may take and how much it may send.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// A read, from first to last byte.
    pub read: Duration,
    /// Anything else, from first to last byte.
    pub write: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// The first pause before a read is repeated; each further one is twice as long.
    pub backoff: Duration,
    /// Bytes of a body after decompression.
    pub body: usize,
}

impl Limits {
    /// What every account gets.
    pub const DEFAULT: Self = Self {
        connect: Duration::from_secs(10),
        read: Duration::from_secs(30),
        write: Duration::from_mins(1),
        idle: Duration::from_secs(15),
        backoff: Duration::from_millis(500),
        body: 4 * 1024 * 1024,
    };
    /// An idle connection is closed before a server closes it (Node's servers do after five seconds): a write that
    /// meets a closing connection ends as `unknown`.
    const IDLE_CONNECTION: Duration = Duration::from_secs(4);
    const HEADERS: usize = 128;
}

/// What is taken from an answer; all other headers stay outside.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content type as it was sent.
    pub content_type: Option<String>,
    /// Seconds that the server asks to wait.
    pub retry_after: Option<u64>,
    /// Whether the server says that trying again can help.
    pub may_retry: Option<bool>,
    /// The `Link` header (RFC 8288).
    pub link: Option<String>,
    /// The decoded body.
    pub body: Result<Vec<u8>, BodyFault>,
}

/// Why a body is missing though its headers came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// It is larger than the limit.
    TooLarge,
    /// It was lost on the way.
    Lost(Lost),
}

/// The client, with a pool of connections of its own for each credential.
#[derive(Debug)]
pub struct Http {
    limits: Limits,
    /// Who vouches for hosts that the settings do not name.
    public: Arc<RootCertStore>,
    trust: Trust,
    lookup: Lookup,
    pools: Mutex<BTreeMap<(String, String), Pool>>,
}

/// Connections that one secret went over. Another origin, account or secret gets new ones.
#[derive(Debug)]
struct Pool {
    account_id: String,
    origin: Origin,
    fingerprint: [u8; 32],
    authorities: Authorities,
    client: Client,
}

impl Http {
    /// The client. Nothing is connected before the first request.
    pub fn new(limits: Limits) -> Self {
        Self::with(limits, Authorities::Public.roots(), Lookup::System)
    }

    fn with(limits: Limits, public: RootCertStore, lookup: Lookup) -> Self {
        Self { limits, public: Arc::new(public), trust: Trust::default(), lookup, pools: Mutex::default() }
    }

    /// The same with what the settings say about who is believed.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// Who is believed.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends `request`, which has no credential yet, with `credential` to the credential's origin and nowhere else.
    ///
    /// # Errors
    /// There is no answer; says whether the request may have arrived.
    pub async fn send(&self, mut request: Request, credential: &Credential, total: Duration) -> Result<Answer, Fault> {
        let deadline = Instant::now() + total;
        // INVARIANT: what was parsed for the plan, not what the text looks like, decides where a secret goes.
        guard(&request, credential.origin())?;
        let client = self.client(credential).map_err(Fault::NotSent)?;
        let Some((name, value)) = credential.header() else { return Err(Fault::NotSent(NotSent::Unsendable)) };
        request.headers_mut().insert(name.clone(), value.clone());
        let response =
            timeout_at(deadline, client.execute(request)).await.map_err(|_| Fault::Lost(Lost::Timeout))??;
        credential.observe(response.headers());
        Ok(self.answer(response, deadline).await)
    }

    /// Sends `request`, whose body is itself a secret, to `origin` and nowhere else, over a connection of its own: what
    /// an authorization server is asked.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn exchange(&self, request: Request, origin: &Origin) -> Result<Answer, Fault> {
        let (response, deadline) = self.sent_alone(request, origin).await?;
        Ok(self.answer(response, deadline).await)
    }

    /// The same for a protocol that speaks in headers, ACME's: status, headers and body.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn exchange_whole(
        &self,
        request: Request,
        origin: &Origin,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), Fault> {
        let (response, deadline) = self.sent_alone(request, origin).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.body(response, deadline).await.map_err(|fault| match fault {
            BodyFault::TooLarge => Fault::Lost(Lost::Cut),
            BodyFault::Lost(lost) => Fault::Lost(lost),
        })?;
        Ok((status, headers, body))
    }

    /// Over a connection of its own; until when its answer may come.
    async fn sent_alone(&self, request: Request, origin: &Origin) -> Result<(Response, Instant), Fault> {
        let deadline = Instant::now() + self.limits.read;
        guard(&request, origin)?;
        let client = self.authorities(origin).and_then(|authorities| self.build(origin, &authorities));
        let client = client.map_err(Fault::NotSent)?;
        let response =
            timeout_at(deadline, client.execute(request)).await.map_err(|_| Fault::Lost(Lost::Timeout))??;
        Ok((response, deadline))
    }

    async fn answer(&self, response: Response, deadline: Instant) -> Answer {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // a field may come in several lines (RFC 9110 section 5.3)
        let links = response.headers().get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
        let links: Vec<&str> = links.collect();
        let link = (!links.is_empty()).then(|| links.join(", "));
        Answer {
            status: response.status().as_u16(),
            content_type: text(header::CONTENT_TYPE),
            retry_after: asked::wait(response.headers()),
            may_retry: asked::may_retry(response.headers()),
            link,
            body: self.body(response, deadline).await,
        }
    }

    async fn body(&self, mut response: Response, deadline: Instant) -> Result<Vec<u8>, BodyFault> {
        let mut body = Vec::new();
        loop {
            let patience = deadline.min(Instant::now() + self.limits.idle);
            let chunk = timeout_at(patience, response.chunk()).await.map_err(|_| BodyFault::Lost(Lost::Timeout))?;
            let Some(chunk) = chunk.map_err(|_| BodyFault::Lost(Lost::Cut))? else { return Ok(body) };
            if chunk.len() > self.limits.body - body.len() {
                return Err(BodyFault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn client(&self, credential: &Credential) -> Result<Client, NotSent> {
        let (account, fingerprint) = (credential.account(), credential.fingerprint());
        let authorities = self.authorities(&account.origin)?;
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.integration.clone(), account.name.clone());
        if let Some(pool) = pools.get(&key)
            && pool.account_id == account.id
            && pool.origin == account.origin
            && pool.fingerprint == fingerprint
            && pool.authorities == authorities
        {
            return Ok(pool.client.clone());
        }
        let client = self.build(&account.origin, &authorities)?;
        let (account_id, origin) = (account.id.clone(), account.origin.clone());
        pools.insert(key, Pool { account_id, origin, fingerprint, authorities, client: client.clone() });
        Ok(client)
    }

    fn authorities(&self, origin: &Origin) -> Result<Authorities, NotSent> {
        let url = url::Url::parse(origin.as_str()).map_err(|_| NotSent::Unsendable)?;
        self.trust.authorities(url.host_str().unwrap_or_default()).map_err(NotSent::Untrusted)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one client")]
    fn build(&self, origin: &Origin, authorities: &Authorities) -> Result<Client, NotSent> {
        let roots = match authorities {
            Authorities::Public => Arc::clone(&self.public),
            Authorities::Private(_) => Arc::new(authorities.roots()),
        };
        let mut tls = trust::client(roots).map_err(|_| NotSent::Unsendable)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let resolver = Resolver { origin: origin.clone(), lookup: self.lookup.clone() };
        Client::builder()
            .tls_backend_preconfigured(tls)
            // `Origin` allows plain http on loopback alone, and `judge` holds it to that.
            .https_only(origin.as_str().starts_with("https:"))
            .no_proxy()
            .dns_resolver(resolver)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(self.limits.connect)
            .pool_idle_timeout(Limits::IDLE_CONNECTION)
            .http1_max_headers(Limits::HEADERS)
            .user_agent(concat!("agentport/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| NotSent::Unsendable)
    }
}

/// Does it go where the secret may go?
fn guard(request: &Request, origin: &Origin) -> Result<(), Fault> {
    if request.url().origin().ascii_serialization() != origin.as_str() {
        return Err(Fault::NotSent(NotSent::Misdirected));
    }
    // The client asks no resolver for a literal address.
    let literal = match request.url().host() {
        Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(url::Host::Domain(_)) | None => None,
    };
    judge(origin, literal).map_err(|_| Fault::NotSent(NotSent::Refused))
}

impl Default for Http {
    fn default() -> Self {
        Self::new(Limits::DEFAULT)
    }
}

#[cfg(test)]
pub(super) mod tests;
