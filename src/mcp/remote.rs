//! A gateway elsewhere, asked over HTTP/1.1, one connection a request. Small on purpose: every agent has a shim of its own.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use serde_json::Value;
use url::Url;

use crate::secret::Secret;

const CONNECT: Duration = Duration::from_secs(5);
/// Longer than any answer takes: a wait for a human and a slow service.
const ANSWER: Duration = Duration::from_mins(2);
/// The longest answer.
const LARGEST: usize = 16 * 1024 * 1024;

/// Where the gateway is, and the token that it knows this agent by.
#[derive(Debug)]
pub struct Remote {
    url: Url,
    token: Arc<Secret>,
    tls: Option<Arc<ClientConfig>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// It was not reached: nothing was asked.
    #[error("{0}")]
    Unreachable(io::Error),
    /// It was asked, and what it did is not known.
    #[error("{0}")]
    Unanswered(io::Error),
}

impl Remote {
    /// From `AGENTPORT_URL` and `AGENTPORT_TOKEN`.
    ///
    /// # Errors
    /// The address is none that can be asked.
    pub fn new(url: &str, token: Arc<Secret>) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("AGENTPORT_URL is no address: {error}"))?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some(tls()?),
            _ => return Err("AGENTPORT_URL must begin with http:// or https://".to_owned()),
        };
        if url.host().is_none() || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err("AGENTPORT_URL must be a scheme, a host and a port, and nothing else".to_owned());
        }
        Ok(Self { url, token, tls })
    }

    /// One request. Blocks the thread.
    pub(super) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Lost> {
        let stream = self.connect().map_err(Lost::Unreachable)?;
        let host = self.url.host_str().unwrap_or_default();
        let Some(tls) = &self.tls else { return self.exchange(stream, method, path, body).map_err(Lost::Unanswered) };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Lost::Unreachable(io::Error::other(error)))?;
        let mut connection =
            ClientConnection::new(Arc::clone(tls), name).map_err(|error| Lost::Unreachable(io::Error::other(error)))?;
        let mut stream = stream;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(Lost::Unreachable)?;
        }
        self.exchange(StreamOwned::new(connection, stream), method, path, body).map_err(Lost::Unanswered)
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or(443);
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(ANSWER))?;
                    stream.set_write_timeout(Some(ANSWER))?;
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn exchange(
        &self,
        mut stream: impl Read + Write,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<(u16, Value)> {
        let origin = self.url.origin().ascii_serialization();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let body = body.map(ToString::to_string).unwrap_or_default();
        let token = self.token.expose();
        let length = body.len();
        // INVARIANT: `path` is made of names with letters, digits and `_`, so that it is a path and nothing else
        let request = zeroize::Zeroizing::new(format!(
            "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let mut answer = Vec::new();
        let mut piece = [0_u8; 16 * 1024];
        loop {
            if let Some(whole) = read(&answer) {
                return whole;
            }
            let count = stream.read(&mut piece)?;
            if count == 0 || answer.len() > LARGEST {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}

/// The answer, once all of it is there.
fn read(answer: &[u8]) -> Option<io::Result<(u16, Value)>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at_checked(end + 4)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let code = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let Some(code) = code else { return Some(Err(io::ErrorKind::InvalidData.into())) };
    let header = |name: &str| {
        let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_ascii_lowercase())
    };
    let body = if header("transfer-encoding").as_deref() == Some("chunked") {
        unchunked(rest)?
    } else {
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        rest.get(..length)?.to_vec()
    };
    Some(Ok((code, serde_json::from_slice(&body).unwrap_or(Value::Null))))
}

/// A proxy may send an answer in chunks. `None` until the last one is there.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let (size, after) = rest.split_at_checked(end)?;
        let size = str::from_utf8(size).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        let after = after.get(2..)?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(after.get(..size)?);
        rest = after.get(size.checked_add(2)?..)?;
    }
}

/// The compiled-in roots, and nothing of the system's.
fn tls() -> Result<Arc<ClientConfig>, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole_however_it_is_framed() {
        let plain = b"HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
        let chunked =
            b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n4;x=y\r\n: 1}\r\n0\r\n\r\n";
        for (whole, least) in [(&plain[..], plain.len()), (&chunked[..], chunked.len() - 2)] {
            for end in 0..least {
                assert!(read(&whole[..end]).is_none(), "{end}");
            }
            assert_eq!(read(whole).unwrap().unwrap(), (202, json!({"a": 1})));
        }
        assert!(read(b"nonsense\r\n\r\n").unwrap().is_err());
    }

    #[test]
    fn an_address_has_a_host_and_nothing_behind_it() {
        let token = || Arc::new(Secret::new("apt_x".to_owned()));
        for url in ["http://localhost:4747", "https://port.example.com/"] {
            assert!(Remote::new(url, token()).is_ok(), "{url}");
        }
        for url in ["", "localhost:4747", "ftp://x", "http://x/y", "http://x?y=z", "file:///etc/passwd"] {
            assert!(Remote::new(url, token()).is_err(), "{url}");
        }
    }
}
