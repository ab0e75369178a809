//! A service that answers what a test wants, and keeps what it received.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use serde_json::Value;

/// The read that verifies a key of Stripe's.
const VERIFY: &str = "GET /v1/balance";

/// What came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /v1/refunds?x=1`
    pub line: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What goes back.
pub enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// Nothing until the other side leaves.
    Hang,
    /// These bytes, then nothing until the other side leaves.
    HangAfter(Vec<u8>),
    /// The end, without a byte.
    Cut,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::with(status, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    pub fn with(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
        for (name, value) in headers {
            bytes.extend([*name, ": ", *value, "\r\n"]);
        }
        Self::Bytes([bytes.as_bytes(), b"\r\n", body].concat())
    }
}

/// Stripe, as far as connecting needs it, and what the test says.
pub struct Upstream {
    port: u16,
    received: Arc<Mutex<Vec<Request>>>,
    arrivals: Mutex<mpsc::Receiver<()>>,
}

impl Upstream {
    /// `answer` decides about everything but the reads that verify a key.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::bare(move |request| match request.line.as_str() {
            VERIFY => Reply::json(200, &serde_json::json!({"livemode": false})),
            _ => answer(request),
        })
    }

    /// `answer` decides about everything.
    pub fn bare(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (sender, arrivals) = mpsc::channel();
        let (answer, kept) = (Arc::new(answer), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, kept, sender) = (Arc::clone(&answer), Arc::clone(&kept), sender.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    if request.line != VERIFY {
                        kept.lock().unwrap().push(request.clone());
                        // a test that does not wait for it may be over
                        sender.send(()).ok();
                    }
                    // whoever hung up may do so
                    write(&mut stream, answer(&request)).ok();
                });
            }
        });
        Self { port, received, arrivals: Mutex::new(arrivals) }
    }

    /// Answers everything with an empty object.
    pub fn plain() -> Self {
        Self::start(|_| Reply::json(200, &serde_json::json!({"id": "x"})))
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All requests so far, less the verifying reads.
    pub fn received(&self) -> Vec<Request> {
        self.received.lock().unwrap().clone()
    }

    /// Their first lines.
    pub fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|request| request.line).collect()
    }

    /// The one request of the whole test.
    pub fn received_one(&self, line: &str) -> Request {
        assert_eq!(self.lines(), [line]);
        self.received().remove(0)
    }

    /// Waits until one more request has come.
    pub fn arrival(&self) {
        self.arrivals.lock().unwrap().recv_timeout(Duration::from_secs(30)).expect("a request");
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = BTreeMap::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: first.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

fn write(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    let (bytes, hangs) = match reply {
        Reply::Bytes(bytes) => (bytes, false),
        Reply::HangAfter(bytes) => (bytes, true),
        Reply::Hang => (Vec::new(), true),
        Reply::Cut => return stream.shutdown(Shutdown::Both),
    };
    stream.write_all(&bytes)?;
    if hangs {
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
