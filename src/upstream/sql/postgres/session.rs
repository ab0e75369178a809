//! A connection that is signed in, and how it is made clean for another read.

use std::{future::Future, pin::Pin};

use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::{task::AbortHandle, time::timeout};
use tokio_postgres::{
    Client, Config, Error,
    config::SslMode,
    tls::{ChannelBinding, TlsConnect, TlsStream},
};
use tokio_rustls::TlsConnector;

use super::answer;
use crate::{
    ledger::FailureKind,
    trust::Distrust,
    upstream::sql::{
        CONNECT, GRACE, Run, Trouble,
        kept::Session,
        wire::{Allowance, Encrypted, Wire},
    },
};

/// What throws away all that a session can hold, which is `DISCARD ALL` in its parts (the server's page on `DISCARD`) but for
/// the prepared statements: they are the driver's, which goes on to use them.
const CLEAN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES";

/// A session of PostgreSQL. It ends when this is dropped.
pub(in crate::upstream::sql) struct Postgres {
    client: Client,
    driving: AbortHandle,
    allowance: Allowance,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

impl Session for Postgres {
    async fn sign_in(run: &Run<'_>) -> Result<Self, Trouble> {
        let addresses = run.addresses().await?;
        let encrypted = run.is_encrypted(&addresses);
        let mut config = Config::new();
        config
            .user(run.address.user())
            .password(run.address.password())
            .dbname(run.address.database())
            .application_name("agentport")
            .ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        let signing_in = async {
            let stream = run.connect(&addresses).await?;
            let allowance = stream.allowance();
            let connected = config.connect_raw(stream, tls(run, encrypted)?).await;
            let (client, connection) = connected.map_err(|error| not_connected(run, encrypted, &error))?;
            let driving = tokio::spawn(connection).abort_handle();
            Ok(Self { client, driving, allowance })
        };
        let slow = |_| Trouble::NotSent(FailureKind::Network, "did not let us in in time".to_owned());
        timeout(CONNECT, signing_in).await.map_err(slow)?
    }

    async fn ask(mut self, run: &Run<'_>) -> (Result<Value, Trouble>, Option<Self>) {
        self.allowance.renew();
        let cancel = self.client.cancel_token();
        if let Ok(answer) = timeout(run.timeout() + GRACE, answer(run, &mut self.client)).await {
            let usable = matches!(answer, Ok(_) | Err(Trouble::Refused { .. }));
            return (answer, usable.then_some(self));
        }
        // the server has a limit of its own; this is for one that does not keep to it
        if let Ok(addresses) = run.addresses().await
            && let Ok(tls) = tls(run, run.is_encrypted(&addresses))
            && let Ok(stream) = run.connect(&addresses).await
        {
            drop(timeout(GRACE, cancel.cancel_query_raw(stream, tls)).await);
        }
        (Err(Trouble::Slow), None)
    }

    async fn clean(self) -> Option<Self> {
        let cleaned = timeout(GRACE, self.client.batch_execute(CLEAN)).await;
        matches!(cleaned, Ok(Ok(()))).then_some(self)
    }

    async fn end(self) {}
}

fn tls(run: &Run<'_>, encrypted: bool) -> Result<Tls, Trouble> {
    if encrypted { run.tls().map(|parts| Tls(Some(parts))) } else { Ok(Tls(None)) }
}

/// How the connection is encrypted, if it is.
struct Tls(Option<(TlsConnector, ServerName<'static>)>);

impl TlsConnect<Wire> for Tls {
    type Stream = Encrypted;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Encrypted>> + Send>>;

    fn connect(self, stream: Wire) -> Self::Future {
        Box::pin(async move {
            match self.0 {
                Some((connector, name)) => Ok(Encrypted(connector.connect(name, stream).await?)),
                None => Err(std::io::ErrorKind::Unsupported.into()),
            }
        })
    }
}

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

fn not_connected(run: &Run<'_>, encrypted: bool, error: &Error) -> Trouble {
    if let Some(distrust) = Distrust::of(error) {
        return run.unproven(distrust);
    }
    match error.code().map(|code| code.code().to_owned()) {
        Some(code) if code.starts_with("28") => {
            Trouble::NotSent(FailureKind::Credential, format!("did not accept the user or the password ({code})"))
        }
        Some(code) if code == "3D000" => {
            Trouble::NotSent(FailureKind::Credential, format!("has no such database ({code})"))
        }
        Some(code) => Trouble::NotSent(FailureKind::Network, format!("did not let us in ({code})")),
        // of the driver's own errors before it has signed in; the others are what the server said
        None if encrypted && error.to_string().contains("TLS") => run.unproven(Distrust::NoTls),
        None => Trouble::NotSent(FailureKind::Network, "did not let us in: no such server is there".to_owned()),
    }
}
