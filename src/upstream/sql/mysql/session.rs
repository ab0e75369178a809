//! A connection that is signed in, and how it is made clean for another read.

use std::{net::SocketAddr, time::Duration};

use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, SslOpts, prelude::Queryable};
use serde_json::Value;
use tokio::time::timeout;

use super::{answer, is_mariadb, not_set};
use crate::{
    ledger::FailureKind,
    trust::{Authorities, Distrust},
    upstream::sql::{CONNECT, GRACE, Run, Trouble, kept::Session, wire::RECEIVED},
};

/// What the classifier takes for granted: quotes and backslashes mean what they mean by default.
const SETTINGS: &str = "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
    autocommit = 1, lock_wait_timeout = 10";
/// At `SERIALIZABLE`, which a server may have by default, a read would lock what it reads.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// Milliseconds in MySQL, seconds in MariaDB.
const TIMEOUT: &str = "SET SESSION max_execution_time = ?";
const TIMEOUT_MARIADB: &str = "SET SESSION max_statement_time = ?";

/// A session of MySQL or MariaDB.
pub(in crate::upstream::sql) struct Mysql {
    connection: Conn,
    /// `10.11.14-MariaDB-0+deb12u2`
    version: String,
    /// How long the server lets a statement run in it.
    each: Duration,
}

impl Session for Mysql {
    async fn sign_in(run: &Run<'_>) -> Result<Self, Trouble> {
        let addresses = run.addresses().await?;
        let slow = |_| Trouble::NotSent(FailureKind::Network, "did not let us in in time".to_owned());
        let connected = timeout(CONNECT, Conn::new(opts(run, &addresses)?)).await.map_err(slow)?;
        let mut connection = connected.map_err(|error| not_connected(run, &error))?;
        let settled = timeout(GRACE, async {
            let version: Option<String> = connection.query_first("SELECT VERSION()").await?;
            let mut session = Self { connection, version: version.unwrap_or_default(), each: run.each() };
            session.settle(run.read).await.map(|()| session)
        });
        settled.await.map_err(slow)?.map_err(|error| not_set(&error))
    }

    async fn ask(mut self, run: &Run<'_>) -> (Result<Value, Trouble>, Option<Self>) {
        let answering = async {
            if self.each != run.each() {
                self.each = run.each();
                self.bound().await.map_err(|error| not_set(&error))?;
            }
            answer(run, &mut self.connection, &self.version).await
        };
        if let Ok(answer) = timeout(run.timeout() + GRACE, answering).await {
            if is_cut(&answer) {
                hang_up(self.connection);
                return (answer, None);
            }
            return (answer, Some(self));
        }
        let id = self.connection.id();
        hang_up(self.connection);
        // the server has a limit of its own; this is for one that does not keep to it
        if let Ok(addresses) = run.addresses().await
            && let Ok(opts) = opts(run, &addresses)
            && let Ok(Ok(mut other)) = timeout(CONNECT, Conn::new(opts)).await
        {
            drop(timeout(GRACE, other.exec_drop("KILL QUERY ?", (id,))).await);
        }
        (Err(Trouble::Slow), None)
    }

    /// By `COM_RESET_CONNECTION`, which rolls back, gives up locks and temporary tables, forgets variables, and sets what a
    /// session is set to as it was (the server's page on it). A server too old for it says so.
    async fn clean(mut self) -> Option<Self> {
        let cleaned = timeout(GRACE, async {
            if !self.connection.reset().await? {
                return Ok(false);
            }
            self.settle(true).await.map(|()| true)
        });
        matches!(cleaned.await, Ok(Ok::<_, Error>(true))).then_some(self)
    }

    async fn end(self) {
        drop(timeout(GRACE, self.connection.disconnect()).await);
    }
}

impl Mysql {
    /// Sets what a session begins with.
    async fn settle(&mut self, read: bool) -> Result<(), Error> {
        self.connection.query_drop(SETTINGS).await?;
        if read {
            self.connection.query_drop(ISOLATION).await?;
        }
        self.bound().await
    }

    /// Tells the server how long a statement may run.
    async fn bound(&mut self) -> Result<(), Error> {
        if is_mariadb(&self.version) {
            self.connection.exec_drop(TIMEOUT_MARIADB, (self.each.as_secs_f64(),)).await
        } else {
            let milliseconds = u64::try_from(self.each.as_millis()).unwrap_or(u64::MAX);
            self.connection.exec_drop(TIMEOUT, (milliseconds,)).await
        }
    }
}

/// Are there rows that nobody read?
fn is_cut(answer: &Result<Value, Trouble>) -> bool {
    answer.as_ref().is_ok_and(|answer| answer.get("truncated") == Some(&Value::Bool(true)))
}

/// Closes a connection with what the server would still send over it. The driver reads all of that first, unless it is
/// dropped where there is no runtime to read in; the server ends statement and transaction with the connection.
fn hang_up(connection: Conn) {
    drop(std::thread::Builder::new().spawn(move || drop(connection)));
}

fn opts(run: &Run<'_>, addresses: &[SocketAddr]) -> Result<Opts, Trouble> {
    let address = run.address;
    let tls = if run.is_encrypted(addresses) { Some(tls(&run.authorities()?)) } else { None };
    let opts = OptsBuilder::default()
        .ip_or_hostname(run.host())
        .resolved_ips(Some(addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>()))
        .tcp_port(address.port())
        .user(Some(address.user()))
        .pass(Some(address.password()))
        .db_name(Some(address.database()))
        .prefer_socket(false)
        .ssl_opts(tls)
        .max_allowed_packet(Some(RECEIVED))
        .client_found_rows(false);
    Ok(opts.into())
}

fn tls(authorities: &Authorities) -> SslOpts {
    match authorities {
        Authorities::Public => SslOpts::default(),
        Authorities::Private(certificates) => {
            let certificates = certificates.iter().map(|certificate| certificate.to_vec().into()).collect();
            SslOpts::default().with_disable_built_in_roots(true).with_root_certs(certificates)
        }
    }
}

fn not_connected(run: &Run<'_>, error: &Error) -> Trouble {
    let distrust = match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Some(Distrust::NoTls),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Server(_) | Error::Url(_) => Distrust::of(error),
    };
    if let Some(distrust) = distrust {
        return run.unproven(distrust);
    }
    let (kind, why) = match error {
        Error::Server(error) if matches!(error.code, 1045 | 1044 | 1049 | 1698) => {
            (FailureKind::Credential, format!("did not accept user, password or database ({})", error.state))
        }
        Error::Server(error) => (FailureKind::Network, format!("did not let us in ({})", error.state)),
        Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_) => {
            (FailureKind::Network, "could not be reached".to_owned())
        }
    };
    Trouble::NotSent(kind, why)
}
