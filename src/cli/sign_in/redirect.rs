//! The port of this computer that the browser comes back to. It takes one answer, from the sign-in that it was opened
//! for, and shows one plain page.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::upstream::oauth::{Authorization, Returned};

const PATH: &str = "/callback";
/// A browser's request is smaller.
const LONGEST: usize = 16 * 1024;
/// A connection that says nothing (browsers open some in advance) is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// More at once are not answered.
const CONNECTIONS: usize = 32;

/// A listener on 127.0.0.1.
#[derive(Debug)]
pub(super) struct Redirect {
    listener: TcpListener,
    port: u16,
}

impl Redirect {
    /// On this port, or on any that is free.
    pub(super) async fn listen(port: Option<u16>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Where the vendor sends the browser. The address, not `localhost`, which may lead elsewhere (RFC 8252 section 8.3).
    pub(super) fn uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// The first answer to this sign-in. What is no answer to it is told so and changes nothing.
    pub(super) async fn answer(self, authorization: &Arc<Authorization>) -> Returned {
        let mut visitors = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if visitors.len() < CONNECTIONS => {
                    let Ok((stream, _)) = accepted else { continue };
                    let (authorization, port) = (Arc::clone(authorization), self.port);
                    visitors.spawn(async move {
                        tokio::time::timeout(PATIENCE, serve(stream, port, &authorization)).await.ok().flatten()
                    });
                }
                Some(answer) = visitors.join_next() => {
                    if let Ok(Some(returned @ (Returned::Code(_) | Returned::Refused(_)))) = answer {
                        return returned;
                    }
                }
            }
        }
    }
}

async fn serve(mut stream: TcpStream, port: u16, authorization: &Authorization) -> Option<Returned> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 2048];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(piece.get(..read)?);
        if head.len() > LONGEST {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let (status, title, text, returned) = match query(&head, port) {
        Err((status, text)) => (status, "Nothing to see", text, None),
        Ok(query) => match authorization.accept(query) {
            Returned::Foreign(why) => ("400 Bad Request", "Not the answer that is waited for", why, None),
            Returned::Refused(word) => {
                let text = "The sign-in was refused. You can close this window; the terminal says more.";
                ("200 OK", "Not signed in", text, Some(Returned::Refused(word)))
            }
            Returned::Code(code) => {
                let text = "You can close this window and go back to the terminal.";
                ("200 OK", "AgentPort has the answer", text, Some(Returned::Code(code)))
            }
        },
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{text}</p>\n"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         content-security-policy: default-src 'none'; frame-ancestors 'none'\r\nreferrer-policy: no-referrer\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // whoever has left has left; the answer counts all the same
    drop(stream.write_all(answer.as_bytes()).await);
    drop(stream.shutdown().await);
    returned
}

/// The query of a redirect: a GET of our path by our address. Else what to answer.
fn query(head: &str, port: u16) -> Result<&str, (&'static str, &'static str)> {
    const BAD: (&str, &str) = ("400 Bad Request", "This address is only for coming back from a sign-in.");
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BAD);
    };
    let mut hosts = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = hosts.next().map(|(_, host)| host.trim());
    let ours = host.is_some_and(|host| host == format!("127.0.0.1:{port}")) && hosts.next().is_none();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (ours, path) {
        (true, PATH) => Ok(query),
        (true, _) => Err(("404 Not Found", BAD.1)),
        (false, _) => Err(BAD),
    }
}

#[cfg(test)]
mod tests;
