//! Who vouches for whom: the gateway's own certificate, and the authorities of the owner's own.

use super::finding::Findings;
use crate::{
    app::App,
    clock::{Millis, rfc3339},
    config::Tls,
    gateway::Parts,
    ledger::LedgerError,
    snapshot::Snapshot,
    trust::Authorities,
    visible::visible,
    web,
};

/// Who renews a certificate does it earlier than that.
const SOON: Millis = 14 * 24 * 60 * 60 * 1000;

pub(super) fn check(app: &App, parts: &Parts, snapshot: &Snapshot, findings: &mut Findings) -> Result<(), LedgerError> {
    trust(snapshot, findings);
    let now = app.clock().now().wall;
    match &snapshot.settings.tls {
        Some(Tls::Acme(wanted)) => {
            let standing = web::standing(parts, &wanted.name)?;
            if let Some((at, problem)) = standing.failed {
                findings.bad(
                    "certificate",
                    format!("the last order failed at {}: {}", rfc3339(at), visible(&problem)),
                    "the authority must reach port 443 of this name here (docs/serve.md); it is asked again by itself",
                );
            }
            let fix = "agentport serve orders it; standard error has what came of it";
            of_its_own(&wanted.name, standing.until, now, fix, findings);
        }
        Some(Tls::Files(files)) => {
            let until = web::valid_until(files);
            of_its_own(&files.cert.display().to_string(), until, now, "put the renewed one there", findings);
        }
        None => {}
    }
    Ok(())
}

fn of_its_own(which: &str, until: Option<Millis>, now: Millis, fix: &str, findings: &mut Findings) {
    match until {
        None => findings.bad("certificate", format!("there is no certificate for {which} that can be read"), fix),
        Some(until) if until <= now => {
            findings.bad("certificate", format!("that of {which} has expired at {}", rfc3339(until)), fix);
        }
        Some(until) if until - now < SOON => {
            findings.warn("certificate", format!("that of {which} expires at {}", rfc3339(until)), fix);
        }
        Some(until) => findings.ok("certificate", format!("that of {which} is valid until {}", rfc3339(until))),
    }
}

/// The authorities of the owner's own, each for its host.
fn trust(snapshot: &Snapshot, findings: &mut Findings) {
    for (host, file) in &snapshot.settings.trust {
        match Authorities::read(file) {
            Ok(_) => findings.ok("trust", format!("{host} is vouched for by {} alone", file.display())),
            Err(problem) => findings.bad(
                "trust",
                format!("nobody vouches for {host}, so that it cannot be reached: {problem}"),
                "put the authority's certificate there, in PEM, or take the line out of [trust] in agentport.toml",
            ),
        }
    }
}
