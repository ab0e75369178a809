//! TLS to real database servers: who cannot prove who they are is told no name and no password, and nobody on the way can
//! take TLS out of it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::mpsc,
    time::Duration,
};

use serde_json::json;

use crate::harness::{Database, Port, Shown, Signer, Valid};

const HOST: &str = "127.0.0.1";

/// A database, its user's password, and how a call asks it something.
struct Kind {
    name: &'static str,
    query: &'static str,
    execute: &'static str,
    option: &'static str,
    user: fn(&str) -> String,
    /// Ends the sessions that are kept.
    hang_up: &'static str,
}

const POSTGRES: Kind = Kind {
    name: "postgres",
    query: "postgres_query",
    execute: "postgres_execute",
    option: "sslmode=verify-full",
    user: |password| format!("CREATE TABLE t (n int); CREATE USER app PASSWORD '{password}'; GRANT ALL ON t TO app"),
    hang_up: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
};

const MARIADB: Kind = Kind {
    name: "mysql",
    query: "mysql_query",
    execute: "mysql_execute",
    option: "ssl-mode=VERIFY_IDENTITY",
    user: |password| {
        format!("CREATE TABLE t (n int); CREATE USER app IDENTIFIED BY '{password}'; GRANT ALL ON shop.* TO app")
    },
    hang_up: "KILL USER app",
};

impl Kind {
    /// The connection's URL at `port`, with TLS.
    fn url(&self, home: &Port, port: u16) -> String {
        format!("{}://app:{}@{HOST}:{port}/shop?{}", self.name, home.canary(), self.option)
    }

    /// Connects it; what went wrong, if anything did.
    fn connect(&self, home: &Port, port: u16, account: &str) -> Option<String> {
        let arguments = ["connect", self.name, "--account", account, "--allow-private", "--secret-stdin", "--json"];
        let connected = home.cli(arguments).stdin(&self.url(home, port)).run();
        (connected.code != 0).then(|| connected.error())
    }

    /// Each certificate is judged, before anything was asked; with it a call has failed and not become unknown.
    fn proves_itself(&self, database: &Database, home: &Port, signer: &Signer) {
        database.run(&(self.user)(home.canary()));
        assert_eq!(self.connect(home, database.port(), "default"), None);
        let mut wire = home.wire();
        let select = json!({"sql": "SELECT n FROM t"});
        assert_eq!(wire.call(self.query, select.clone()).completed()["row_count"], json!(0));
        let insert = wire.call(self.execute, json!({"sql": "INSERT INTO t VALUES (1)"})).approval_id();
        for (shown, why) in [
            (signer.sign(HOST, Valid::Before), "its certificate has expired"),
            (signer.sign("db.example.com", Valid::Now), "its certificate is for another name"),
            (Signer::new("else").sign(HOST, Valid::Now), "its certificate is signed by nobody who is trusted for it"),
            (Shown::by_itself(HOST), "its certificate is signed by nobody who is trusted for it"),
        ] {
            database.show(&shown);
            // a session that is kept has proven itself already
            database.run(self.hang_up);
            let answer = wire.call(self.query, select.clone());
            let expected = format!(
                "`{}` could not prove its identity as `{HOST}:{}`: {why}; nothing was run",
                self.name,
                database.port()
            );
            assert_eq!((answer.failed(), &answer.0["error"]["message"]), ("network", &json!(expected)));
        }
        let approve = ["approvals", "approve", &insert, "--code-stdin", "--json"];
        assert_eq!(home.cli(approve).stdin(&home.code()).exits(1).json()["status"], json!("failed"));
        database.show(&signer.sign(HOST, Valid::Now));
        assert_eq!(wire.call(self.query, select).completed()["row_count"], json!(0), "nothing was written");
    }

    /// A server without TLS, and one whose TLS somebody on the way takes out of what it says: the client leaves.
    fn insists(&self, plain: &Database, secure: &Database, strip: fn(&mut TcpStream, u16)) {
        let home = home(&Signer::new("internal"));
        plain.run(&(self.user)(home.canary()));
        let refused = self.connect(&home, plain.port(), "default").unwrap();
        assert!(refused.contains("it speaks no TLS, or none that is safe"), "{refused}");
        let (port, heard) = between(secure.port(), strip);
        let refused = self.connect(&home, port, "other").unwrap();
        assert!(refused.contains("it speaks no TLS, or none that is safe"), "{refused}");
        let heard = heard.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(heard, b"", "after the refusal of TLS it said {:?}", String::from_utf8_lossy(&heard));
    }
}

/// A home that believes `signer` for the server's host.
fn home(signer: &Signer) -> Port {
    let port = Port::enrolled();
    let file = signer.write(&port.folder().join("authority.pem"));
    let path = port.home().join("agentport.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n[trust]\n\"{HOST}\" = \"{}\"\n", file.display())).unwrap();
    port
}

/// Somebody on the way to a server: says what `strip` says, and keeps all that comes afterwards.
fn between(server: u16, strip: fn(&mut TcpStream, u16)) -> (u16, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            strip(&mut stream, server);
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).ok();
            sender.send(bytes).ok();
        }
    });
    (port, heard)
}

#[test]
fn t081_postgresql_proves_who_it_is_before_it_is_asked_anything() {
    let (test, signer) = ("t081_postgresql_proves_who_it_is", Signer::new("internal"));
    let home = home(&signer);
    let Some(server) = Database::postgres_showing(test, &signer.sign(HOST, Valid::Now)) else { return };
    POSTGRES.proves_itself(&server, &home, &signer);
}

#[test]
fn t081_mariadb_proves_who_it_is_before_it_is_asked_anything() {
    let (test, signer) = ("t081_mariadb_proves_who_it_is", Signer::new("internal"));
    let home = home(&signer);
    let Some(server) = Database::mariadb_showing(test, &signer.sign(HOST, Valid::Now)) else { return };
    MARIADB.proves_itself(&server, &home, &signer);
}

#[test]
fn t081_no_tls_is_no_connection_to_postgresql() {
    let test = "t081_no_tls_is_no_connection_to_postgresql";
    let shown = Signer::new("internal").sign(HOST, Valid::Now);
    let Some((plain, secure)) = Database::postgres(test).zip(Database::postgres_showing(test, &shown)) else { return };
    POSTGRES.insists(&plain, &secure, |stream, _| {
        // SSLRequest: its length, then its code
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).unwrap();
        assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47]);
        stream.write_all(b"N").unwrap();
    });
}

#[test]
fn t081_no_tls_is_no_connection_to_mariadb() {
    let test = "t081_no_tls_is_no_connection_to_mariadb";
    let shown = Signer::new("internal").sign(HOST, Valid::Now);
    let Some((plain, secure)) = Database::mariadb(test).zip(Database::mariadb_showing(test, &shown)) else { return };
    MARIADB.insists(&plain, &secure, |stream, port| {
        // the server's own greeting, less `CLIENT_SSL` among what it can do: after the head of a packet, the protocol, the
        // version up to a zero byte, the number of the connection, the first part of the challenge and a zero byte
        let mut greeting = [0; 512];
        let mut server = TcpStream::connect((HOST, port)).unwrap();
        let length = server.read(&mut greeting).unwrap();
        let version = greeting[5..].iter().position(|byte| *byte == 0).unwrap();
        let can = &mut greeting[5 + version + 1 + 4 + 8 + 1 + 1];
        assert_eq!(*can & 0x08, 0x08, "it offers TLS");
        *can &= !0x08;
        stream.write_all(&greeting[..length]).unwrap();
        server.shutdown(Shutdown::Both).ok();
    });
}
