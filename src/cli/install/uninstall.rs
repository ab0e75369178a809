//! `agentport uninstall --service`: what was moved into the service goes back to whose it was, and the service goes.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    moved::{carry, let_go},
    need_root, note,
    note::Note,
    system, whose,
};
use crate::cli::{Exit, Failure, Out, host::Host};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The service of this computer
    #[arg(long, required = true)]
    service: bool,
    /// Bring nothing back: delete its log and every credential with it
    #[arg(long)]
    purge: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(in crate::cli) fn run(out: &Out, args: &Args) -> Result<Exit, Failure> {
    need_root(args.dry_run)?;
    let note = Note::read()?;
    let mut system = system::System::new(out, args.dry_run);
    if args.dry_run || system::has_systemd() {
        system.program("systemctl", &["disable", "--now", "agentport.service"])?;
    }
    let back = match (&note, args.purge) {
        (Some(note), false) => bring_back(&mut system, note).inspect_err(|_| {
            // it could not go back: it goes on where it is
            if system::has_systemd() {
                system::systemctl(&["enable", "--now", "agentport.service"]);
            }
        })?,
        (Some(_), true) | (None, _) => false,
    };
    let needed = match &note {
        Some(note) => hosts_back(&mut system, note, back)?,
        None => false,
    };
    for path in [system::UNIT, system::DROP_IN, note::PATH] {
        system.remove(path)?;
    }
    // root's policy may lie there too
    drop(Path::new(note::PATH).parent().filter(|_| !args.dry_run).map(std::fs::remove_dir));
    if args.dry_run || system::has_systemd() {
        system.program("systemctl", &["daemon-reload"])?;
    }
    if args.purge || back {
        system.remove(system::STATE)?;
        if args.dry_run || system::LocalUser::find(system::USER).is_ok() {
            system.program("userdel", &[system::USER])?;
        }
    }
    if !needed {
        system.remove(system::PROGRAM)?;
    }
    let value = json!({"steps": system.told(), "dry_run": system.is_dry(), "brought_back": back});
    out.answer(&value, || match (&note, back || args.purge) {
        (Some(note), true) if back => format!("{} has the home back; start the agent hosts again", note.user),
        (_, true) => "the service is gone, and what it kept with it".to_owned(),
        (_, false) => format!("kept: {}, and the user {}; --purge removes both", system::STATE, system::USER),
    });
    Ok(Exit::Done)
}

/// Was there a home to bring back?
fn bring_back(system: &mut system::System<'_>, note: &Note) -> Result<bool, Failure> {
    let owner = whose(&note.user)?;
    let home = Path::new(system::SERVICE_HOME);
    if !system.is_dry() && !home.join("agentport.db").exists() {
        return Ok(false);
    }
    system.step(
        &format!("move {} back to {}, the secrets into the {}", home.display(), owner.name, note.store),
        || {
            let service = system::LocalUser::find(system::USER)?;
            let list = system::answer(system::as_user(&service, system::PROGRAM, &["agents", "list", "--json"]), None)?;
            let of_owner =
                |agent: &Value| (agent["user"] == json!(owner.name)).then(|| agent["name"].as_str().map(str::to_owned));
            let names: Vec<String> = list.as_array().into_iter().flatten().filter_map(of_owner).flatten().collect();
            let key = note.key_file.as_deref().unwrap_or("~/.agentport.key");
            let take = ["moving", "take", "--store", &note.store, "--key-file", key, "--json"];
            let (giver, _) = carry(&service, &owner, &take)?;
            let_go(giver)?;
            for name in names {
                let revoke = ["agents", "revoke", &name, "--json"];
                system::answer(system::as_user(&owner, system::PROGRAM, &revoke), None)?;
            }
            Ok(())
        },
    )?;
    Ok(true)
}

/// The hosts start the gateway themselves again, with the program of before; is ours needed for that?
fn hosts_back(system: &mut system::System<'_>, note: &Note, back: bool) -> Result<bool, Failure> {
    if !back {
        return Ok(false);
    }
    let owner = whose(&note.user)?;
    if system.is_dry() && !rustix::process::geteuid().is_root() {
        return Ok(false);
    }
    let before = note.program.as_deref().filter(|path| *path != system::PROGRAM && Path::new(path).exists());
    let survey = &system::answer(system::this_as_user(&owner, &["moving", "survey", "--json"]), None)?;
    let hosts = survey["hosts"].as_array().cloned().unwrap_or_default();
    for host in Host::ALL.into_iter().filter(|host| hosts.contains(&json!(host.name()))) {
        let program = before.unwrap_or(system::PROGRAM);
        system.step(&format!("have {} start {program} again", host.title()), || {
            let add = ["host", "add", host.name(), "--yes", "--json"];
            system::answer(system::as_user(&owner, program, &add), None).map(drop)
        })?;
    }
    Ok(before.is_none())
}
