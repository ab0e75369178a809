//! The home on its way from the user to the service.

use std::{
    io::Write as _,
    process::{Child, Stdio},
};

use serde_json::json;

use super::{
    Found, moving, note,
    system::{self, LocalUser, System},
};
use crate::{cli::Failure, visible::visible};

/// A home in between: taken by the service, and still whole where it was.
pub(super) struct Moved(Option<(Child, bool)>);

impl Moved {
    pub(super) fn begin(
        system: &mut System<'_>,
        owner: Option<&LocalUser>,
        found: &Found,
        service: Option<&LocalUser>,
    ) -> Result<Self, Failure> {
        let (Some(owner), Some(home)) = (owner, &found.home) else { return Ok(Self(None)) };
        let what = format!(
            "hold back what the agents of {} ask, and copy {home} to {} (accounts: {}, factors: {}; settings, policy, log; the \
             secrets into a vault)",
            owner.name,
            system::SERVICE_HOME,
            found.accounts.len(),
            found.factors
        );
        let mut child = None;
        system.step(&what, || {
            let Some(service) = service else { return Ok(()) };
            child = Some(carry(owner, service, &["moving", "take", "--service", "--json"])?);
            Ok(())
        })?;
        Ok(Self(child))
    }

    /// The service's side goes, and with it the giver's reason to wait.
    pub(super) fn undo(self) {
        if let Some((mut giver, new)) = self.0 {
            if new {
                drop(std::fs::remove_dir_all(system::SERVICE_HOME));
                drop(std::fs::remove_file(system::KEY));
                drop(std::fs::remove_file(note::PATH));
            }
            drop(giver.stdin.take());
            drop(giver.wait());
        }
    }

    /// What was there goes.
    pub(super) fn end(self, system: &mut System<'_>, owner: Option<&LocalUser>) -> Result<(), Failure> {
        let (Some(owner), true) = (owner, self.0.is_some() || system.is_dry()) else { return Ok(()) };
        system
            .step(&format!("delete the home of {} and its secrets, now that the service has them", owner.name), || {
                self.0.map_or(Ok(()), |(giver, _)| let_go(giver))
            })
    }
}

/// Starts both sides; returns once all has arrived, with the giver still waiting for the word, and whether it was new.
pub(super) fn carry(from: &LocalUser, to: &LocalUser, take: &[&str]) -> Result<(Child, bool), Failure> {
    let mut giver = system::as_user(from, system::PROGRAM, &["moving", "give"]);
    giver.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut giver = giver.spawn()?;
    let mut taker = system::as_user(to, system::PROGRAM, take);
    taker.stdin(giver.stdout.take().map_or_else(Stdio::null, Stdio::from)).stdout(Stdio::piped());
    let arrived = taker.spawn().map_err(Failure::from).and_then(|mut taker| {
        // the pipe is the giver's and the taker's alone
        drop(taker.stdin.take());
        system::ended(taker)
    });
    match arrived {
        Ok(value) => Ok((giver, value.get("before") == Some(&json!(false)))),
        Err(failure) => {
            drop(giver.stdin.take());
            // of the two, who gave up first knows why
            let said = giver.wait_with_output()?.stderr;
            Err(reason(&String::from_utf8_lossy(&said)).unwrap_or(failure))
        }
    }
}

/// Why the giver did not give, from what it says to people.
fn reason(said: &str) -> Option<Failure> {
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start)).map(visible);
    let failure = Failure::new(line("error: ").filter(|reason| !reason.starts_with(moving::NOT_TAKEN))?);
    Some(match line("hint: ") {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

pub(super) fn let_go(mut giver: Child) -> Result<(), Failure> {
    if let Some(mut stdin) = giver.stdin.take() {
        writeln!(stdin, "{}", moving::TAKEN)?;
    }
    let ended = giver.wait_with_output()?;
    if ended.status.success() {
        return Ok(());
    }
    let why = reason(&String::from_utf8_lossy(&ended.stderr)).map(|reason| format!(": {}", reason.message()));
    Err(Failure::new(format!("what was moved could not be deleted where it was{}", why.unwrap_or_default())))
}
