//! A home of its own, the real program, and everything that an agent or a bystander could see of it.
//!
//! ```ignore
//! let upstream = Upstream::start(|request| Reply::json(200, json!({})));
//! let port = Port::connected(&upstream);
//! let id = port.wire().call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
//! port.approve(&id);
//! upstream.received_one("POST /v1/refunds");
//! // dropping `port` searches all that anybody saw for the secret, in every form (`harness/evidence.rs`)
//! ```
//!
//! A code counts once for deciding: [`Port::code`] gives the app's next one, then the recovery codes.

#![expect(clippy::disallowed_methods, reason = "tests start the program, and the stand-ins that their settings name")]
#![expect(unreachable_pub, reason = "what the cases use is public, what they do not is not")]

mod agent;
mod answer;
pub(crate) mod authenticator;

mod certificates;
mod cli;
mod databases;
mod doubles;
mod evidence;
mod observer;
mod oidc;
mod pebble;
mod port;
mod printed;
mod served;
mod server;
mod standins;
mod upstream;
mod wire;

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

pub use self::{
    agent::Agent,
    answer::Answer,
    certificates::{Secure, Shown, Signer, Valid},
    cli::{Cli, Ran},
    databases::{Database, shell_of_sqlite},
    observer::{Observer, after_power_cut},
    oidc::{Authority, Browser, fetch},
    pebble::Pebble,
    port::Port,
    served::{Heard, Served, frame},
    standins::{Emulate, Localstripe},
    upstream::{Reply, Request, Upstream},
    wire::Wire,
};
pub(crate) use self::{
    doubles::{Hook, Hooked, Memory},
    evidence::{Evidence, Scene, log_to, saw},
    port::keep_vault_key,
};

/// A port of loopback that was free a moment ago, and that nobody here takes meanwhile: below those that the system gives to
/// who asks for any, and in an order of this process's own, which gives none twice.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let candidates = std::iter::repeat_with(|| {
        let place = std::process::id().wrapping_mul(8).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        10_000 + u16::try_from(place % 20_000).unwrap()
    });
    let mut free = candidates.take(20_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().unwrap()
}

/// Seconds since 1970, as the authenticator app counts.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The code of a time step (RFC 6238: SHA-1, six digits).
pub fn totp(seed: &str, step: u64) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(seed.as_bytes()).unwrap();
    totp_rs::Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(seed)
        .with_account_name("owner")
        .build()
        .unwrap()
        .generate(step * 30)
        .to_string()
}

/// A setting of the test run.
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says that a test did not run, where `tests/run` counts it.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
pub fn skip(what: &str) {
    use std::io::Write as _;
    let line = format!("SKIPPED: {what}");
    eprintln!("{line}");
    if let Some(file) = setting("AGENTPORT_TEST_SKIPS") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
