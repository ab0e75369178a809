//! `agentport install --service`: the gateway under a user of its own, out of reach of an agent that has a shell. The home of
//! the user whose agents it is for moves into it, and their agent hosts come to its socket from then on.
//!
//! Root makes users and files and starts the two sides of the move (`moving`, `taking`; `moved` holds them together) as who they are for; it opens nothing
//! that a user could have prepared. Nothing of the old home goes before the new one is whole and, where systemd runs, answers.

mod found;
mod moved;
mod moving;
mod note;
mod system;
mod taking;
mod uninstall;

use std::path::Path;

use serde_json::{Value, json};

use self::{
    found::Found,
    moved::Moved,
    note::Note,
    system::{LocalUser, System},
};
pub(super) use self::{
    moving::{Action, run as moving},
    uninstall::{Args as UninstallArgs, run as uninstall},
};
use super::{Exit, Failure, Out, host::Host, prompt};
use crate::call::Caller;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Args {
    /// A service of this computer, started with it by systemd
    #[arg(long, required = true)]
    service: bool,
    /// Whose agents it is for; what they have in their home moves into the service's
    #[arg(long, value_name = "USER")]
    for_user: Option<String>,
    /// What the agent is called there; without this, as its only host is, or as the user
    #[arg(long = "as", value_name = "NAME", requires = "for_user")]
    name: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the owner's code, which lets the agent in, as one line of standard input
    #[arg(long)]
    code_stdin: bool,
    /// Leave enabling and starting to somebody else
    #[arg(long)]
    no_start: bool,
}

pub(super) fn run(out: &Out, args: &Args) -> Result<Exit, Failure> {
    need_root(args.dry_run)?;
    let owner = args.for_user.as_deref().map(whose).transpose()?;
    let found = owner.as_ref().map(|owner| Found::at(owner, args.dry_run)).transpose()?.unwrap_or_default();
    let name = owner.as_ref().map(|owner| found.caller(owner, args.name.as_deref())).transpose()?;
    let bin = Path::new(system::PROGRAM).parent().unwrap_or(Path::new("/"));
    if owner.as_ref().is_some_and(|owner| owner.can_write(bin)) {
        return Err(Failure::new(format!(
            "`{}` can change what is in {}",
            args.for_user.clone().unwrap_or_default(),
            bin.display()
        ))
        .hint("a program there could be swapped: make it root's alone"));
    }
    // asked for before anything is changed
    let code = match (found.factors, args.dry_run) {
        (0, _) | (_, true) => None,
        (_, false) => Some(code(args.code_stdin)?),
    };
    let before = system::Before::look(args.dry_run)?;
    let mut system = System::new(out, args.dry_run);
    let agent = owner.as_ref().zip(name.as_ref());
    let moved = match install(&mut system, agent, &found, code.as_deref(), args.no_start) {
        Ok(moved) => moved,
        Err(failure) => {
            before.put_back();
            return Err(failure);
        }
    };
    system::Before::forget();
    moved.end(&mut system, owner.as_ref())?;
    if let Some(owner) = &owner {
        for host in &found.hosts {
            to_socket(&mut system, owner, *host)?;
        }
    }
    tell(out, &system, owner.as_ref(), name.as_ref(), &found);
    Ok(Exit::Done)
}

/// All of it, but for letting go of what was moved.
fn install(
    system: &mut System<'_>,
    agent: Option<(&LocalUser, &Caller)>,
    found: &Found,
    code: Option<&str>,
    leave: bool,
) -> Result<Moved, Failure> {
    system.copy_program()?;
    let service = service_user(system)?;
    let moved = Moved::begin(system, agent.map(|(owner, _)| owner), found, service.as_ref())?;
    let rest = (|| {
        if agent.is_none() || found.home.is_none() {
            fresh(system, service.as_ref())?;
        }
        if let Some((owner, name)) = agent {
            let_in(system, owner, service.as_ref(), name, code)?;
            system.write(note::PATH, &Note::of(owner, found).to_text())?;
        }
        system.write(system::UNIT, system::UNIT_TEXT)?;
        start(system, leave)
    })();
    match rest {
        Ok(()) => Ok(moved),
        Err(failure) => {
            moved.undo();
            Err(failure)
        }
    }
}

fn need_root(dry: bool) -> Result<(), Failure> {
    if dry || rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::usage("this makes a user and a service: it is for root")
        .hint("sudo agentport …, or --dry-run to see it"))
}

fn whose(name: &str) -> Result<LocalUser, Failure> {
    let user = LocalUser::find(name)?;
    if user.id == 0 || user.name == system::USER {
        return Err(Failure::usage(format!("`{}` is not who agents run as", user.name))
            .hint("name the user that starts your agent, for example --for-user \"$USER\""));
    }
    Ok(user)
}

fn code(from_stdin: bool) -> Result<String, Failure> {
    if !from_stdin && !prompt::is_terminal() {
        return Err(Failure::usage("there is no terminal to ask for the owner's code on")
            .hint("pass it as one line on standard input with --code-stdin"));
    }
    if from_stdin {
        prompt::line()
    } else {
        prompt::ask("a code of the owner, to let the agent in at the service's socket:")
    }
}

/// The user that the service runs as; none yet in a dry run.
fn service_user(system: &mut System<'_>) -> Result<Option<LocalUser>, Failure> {
    if LocalUser::find(system::USER).is_err() {
        let home = ["--home-dir", system::STATE, "--no-create-home", "--shell", "/usr/sbin/nologin", system::USER];
        system.program("useradd", &[&["--system", "--user-group"][..], &home].concat())?;
    }
    let user = if system.is_dry() { None } else { Some(LocalUser::find(system::USER)?) };
    system.step(&format!("make {}, which nobody but {} can enter", system::STATE, system::USER), || {
        user.as_ref().map_or(Ok(()), |user| system::private_folder(system::STATE, user))
    })?;
    Ok(user)
}

/// A home of the service's own, where none was moved.
fn fresh(system: &mut System<'_>, service: Option<&LocalUser>) -> Result<(), Failure> {
    if service.is_some() && Path::new(system::SERVICE_HOME).join("agentport.db").exists() {
        return Ok(());
    }
    system.step(&format!("make a home with a vault, a policy and an empty log at {}", system::SERVICE_HOME), || {
        let Some(service) = service else { return Ok(()) };
        system::answer(
            system::as_user(service, system::PROGRAM, &["init", "--store", "vault", "--for-service", "--json"]),
            None,
        )?;
        system::answer(system::as_user(service, system::PROGRAM, &["moving", "open-socket", "--json"]), None).map(drop)
    })
}

/// The user at the socket is this agent, unless it is already.
fn let_in(
    system: &mut System<'_>,
    owner: &LocalUser,
    service: Option<&LocalUser>,
    name: &Caller,
    code: Option<&str>,
) -> Result<(), Failure> {
    system.step(&format!("let in whoever comes to {} as {}: the agent `{name}`", system::SOCKET, owner.name), || {
        let Some(service) = service else { return Ok(()) };
        let list = system::answer(system::as_user(service, system::PROGRAM, &["agents", "list", "--json"]), None)?;
        let known = |agent: &Value| agent["user"] == json!(owner.name);
        if list.as_array().is_some_and(|agents| agents.iter().any(known)) {
            return Ok(());
        }
        let add = ["agents", "add", name.as_str(), "--user", &owner.id.to_string(), "--code-stdin", "--json"];
        system::answer(system::as_user(service, system::PROGRAM, &add), Some(code.unwrap_or_default())).map(drop)
    })
}

fn start(system: &mut System<'_>, leave: bool) -> Result<(), Failure> {
    if leave || !(system.is_dry() || system::has_systemd()) {
        return Ok(());
    }
    for arguments in [&["daemon-reload"][..], &["enable", "agentport.service"], &["restart", "agentport.service"]] {
        system.program("systemctl", arguments)?;
    }
    system.step("wait until it answers at its socket", || {
        if system::answers() {
            return Ok(());
        }
        system::systemctl(&["disable", "--now", "agentport.service"]);
        Err(Failure::new("the service does not answer; everything is as it was before")
            .hint("journalctl -u agentport says why"))
    })
}

/// The host's entry becomes the agent's side of the gateway.
fn to_socket(system: &mut System<'_>, owner: &LocalUser, host: Host) -> Result<(), Failure> {
    system.step(&format!("have {} start {} as the agent's side of the gateway", host.title(), system::PROGRAM), || {
        let mut command = system::as_user(owner, system::PROGRAM, &["host", "add", host.name(), "--yes", "--json"]);
        command.env("AGENTPORT_URL", format!("unix:{}", system::SOCKET));
        system::answer(command, None).map(drop)
    })
}

fn tell(out: &Out, system: &System<'_>, owner: Option<&LocalUser>, name: Option<&Caller>, found: &Found) {
    let strong = owner.map(LocalUser::strong_groups).unwrap_or_default();
    let hosts: Vec<&str> = found.hosts.iter().map(|host| host.name()).collect();
    let value = json!({
        "steps": system.told(), "dry_run": system.is_dry(), "user": owner.map(|owner| &owner.name), "agent": name,
        "hosts": hosts, "as_good_as_root": strong, "files": found.files,
    });
    out.answer(&value, || {
        let mut lines = vec![String::new()];
        if let (Some(owner), false) = (owner, strong.is_empty()) {
            lines.push(format!(
                "note: {} is in {}, and so as good as root: an agent that runs as {} could still undo this. Take the user out \
                 of it, or let the agent run as another",
                owner.name,
                strong.join(", "),
                owner.name
            ));
        }
        if !found.files.is_empty() {
            lines.push(format!("note: the service cannot see {}; a database file has to be where it can", found.files.join(", ")));
        }
        if !found.accounts.is_empty() {
            lines.push("note: until now an agent could have read these keys; where that matters, have the vendors replace them".to_owned());
        }
        if !(system.is_dry() || system::has_systemd()) {
            lines.push(format!("no systemd runs here: start `{} serve` as {}", system::PROGRAM, system::USER));
        }
        lines.push(format!("the vault's key is {}; keep a copy of it elsewhere", system::KEY));
        if !hosts.is_empty() {
            lines.push(format!("start {} again", hosts.join(", ")));
        }
        lines.push(format!("your own commands from now on: sudo -u {} agentport …", system::USER));
        lines.join("\n").trim_start().to_owned()
    });
}
