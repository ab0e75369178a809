//! Pebble, Let's Encrypt's server for tests: an authority that really looks whether a name is ours, on loopback.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use serde_json::json;

use super::{Signer, Valid, free_port, skip};

const PROGRAM: &str = "/usr/bin/pebble";

/// A running authority, which looks at one port of loopback.
pub struct Pebble {
    child: Child,
    port: u16,
    management: u16,
    said: Receiver<String>,
}

impl Pebble {
    /// Its own door is certified by `signer`; it looks at `port`. `None`: it is not installed.
    pub fn start(test: &str, folder: &Path, signer: &Signer, port: u16) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            skip(&format!("{test}: {PROGRAM} is not there; install pebble"));
            return None;
        }
        let (certificate, key) = signer.sign("127.0.0.1", Valid::Now).write(folder, "pebble");
        let (own, management) = (free_port(), free_port());
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{own}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": free_port(),
            "tlsPort": port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        let path = folder.join("pebble.json");
        fs::write(&path, config.to_string()).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", PROGRAM, "-config"]).arg(&path).current_dir("/").env_clear();
        // it looks at once, and looks anew each time
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        let pebble = Self { child, port: own, management, said };
        while !pebble
            .said
            .recv_timeout(Duration::from_secs(30))
            .expect("it starts")
            .contains("ACME directory available")
        {}
        Some(pebble)
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    /// How many orders it got since this was asked last.
    pub fn orders(&self) -> usize {
        self.said.try_iter().filter(|line| line.contains("Added order ")).count()
    }

    /// The certificate that vouches for all that it signs, in PEM.
    pub fn root(&self, signer: &Signer) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(signer.certificate()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let connection = ClientConnection::new(config, ServerName::try_from("127.0.0.1").unwrap()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.management)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        stream.write_all(b"GET /roots/0 HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
