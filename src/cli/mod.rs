//! The command line: one file per command; the only module that prints.
//!
//! Every command takes `--json`: one JSON value on standard output. What somebody else chose is made visible before it
//! reaches a terminal. Exit codes: 0 done, 1 failed, 2 waits for a human, 3 denied, 64 wrong usage.

mod accounts;
mod agents;
mod approvals;
mod backup;
mod browser;
mod call;
mod connect;
mod consent;
mod demo;
mod doctor;
mod factor;
mod grants;
mod harden;
mod host;
mod init;
#[cfg(target_os = "linux")]
mod install;
mod lines;
mod link;
mod lock;
mod log;
mod login;
mod mail;
mod notify;
mod open;
mod out;
mod people;
mod policy;
mod prompt;
mod purge;
mod record;
mod secrets;
mod serve;
mod serving;
mod shim;
mod sign_in;
mod stdio;
mod takeover;
mod tools;
mod who;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::lines::Lines;
pub use self::out::{Exit, Failure, Out};
use crate::{app::App, config::Environment};

/// The gate between an AI agent and the services it works on.
///
/// Without a command, and with a pipe on standard input, it is the MCP server that an agent host starts.
#[derive(Debug, Parser)]
#[command(name = "agentport", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// One JSON value on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// See the main job in a minute: an allowed call, one that waits for you, a denied one
    Demo(demo::Args),
    /// Make the home: settings, policy, secret store; on a terminal it walks you through the rest
    Init(init::Args),
    /// Store a credential with the only place it may go, and verify it
    Connect(connect::Args),
    /// Remove an account and its credential
    Disconnect(accounts::DisconnectArgs),
    /// List the connected accounts
    Accounts,
    /// Enrol or remove what proves that it is you who approves
    #[command(subcommand)]
    Factor(factor::Action),
    /// Add, list or remove who may say yes beside you
    #[command(subcommand)]
    People(people::Action),
    /// Let agents in over a gateway, give them another token, shut them out
    #[command(subcommand)]
    Agents(agents::Action),
    /// Put agentport into an agent host's configuration, or take it out
    #[command(subcommand)]
    Host(host::Action),
    /// Open the approval page in a browser and serve it while something waits; with no factor yet, enrol one there
    Open(open::Args),
    /// Sign a browser in by a link that works once, as beyond the gateway's own computer
    Login(login::Args),
    /// See and decide what waits for a human
    #[command(subcommand)]
    Approvals(approvals::Action),
    /// Be told when something waits: channels, their secrets, a test message
    #[command(subcommand)]
    Notify(notify::Action),
    /// See, test, change and apply the policy
    #[command(subcommand)]
    Policy(policy::Action),
    /// See and end what you granted beside a yes
    #[command(subcommand)]
    Grants(grants::Action),
    /// See which tools there are and what happens to a call of each
    #[command(subcommand)]
    Tools(tools::Action),
    /// Call a tool as an agent would
    Call(call::Args),
    /// See what was asked, decided and done, and check that nobody changed it
    #[command(subcommand)]
    Log(log::Action),
    /// Refuse every call from now on, and cancel what waits; takes a code
    Lock(lock::Args),
    /// Let calls through again; takes a code
    Unlock(lock::Args),
    /// Find what is wrong with this set-up, and what an agent could still reach
    Doctor(doctor::Args),
    /// Write the whole home into one file, its secrets only where asked for, and then sealed
    Backup(backup::BackupArgs),
    /// Make a home out of a backup; what was approved before counts no more
    Restore(backup::RestoreArgs),
    /// Move the secrets into another store
    #[command(subcommand)]
    Secrets(secrets::Action),
    /// Remove the home and its secrets for good
    Purge(purge::Args),
    /// The gateway: one place for many agents, over HTTP and MCP, and the site for people
    Serve(serve::Args),
    /// Put the gateway out of your agents' reach: a service of this computer, under a user of its own
    #[cfg(target_os = "linux")]
    Install(install::Args),
    /// Take that service away again, and bring back what was moved into it
    #[cfg(target_os = "linux")]
    Uninstall(install::UninstallArgs),
    /// What the two above start as the users whose homes they move
    #[cfg(target_os = "linux")]
    #[command(subcommand, hide = true)]
    Moving(install::Action),
    /// The MCP server on standard input and output
    Stdio(stdio::Args),
}

/// Parses the arguments, runs the command, returns its exit code.
pub fn main() -> ExitCode {
    harden::harden();
    harden::quiet_panics();
    let environment = Environment::read();
    if shim::is_meant(&environment, &std::env::args_os().skip(1).collect::<Vec<_>>()) {
        return shim::main(&environment).into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            drop(error.print());
            return Exit::Done.into();
        }
        Err(error) => {
            // clap has not told us whether it was read before the mistake
            if std::env::args_os().any(|argument| argument == "--json") {
                return Out::new(true).fail(&usage(&error)).into();
            }
            drop(error.print());
            return Exit::Usage.into();
        }
    };
    let serves = matches!(cli.command, Some(Command::Serve(_)));
    let environment = if serves { environment.for_gateway() } else { environment };
    let out = Out::new(cli.json);
    let lines = match &cli.command {
        Some(Command::Serve(args)) => match args.lines() {
            Ok(lines) => lines,
            Err(failure) => return out.fail(&failure).into(),
        },
        _ => Lines::default(),
    };
    lines.start(&environment, serves || matches!(cli.command, None | Some(Command::Stdio(_))));
    let app = App::new(environment);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.fail(&Failure::new(format!("the runtime did not start: {error}"))).into(),
    };
    let result = runtime.block_on(run(&app, &out, cli.command));
    // a thread that waits for a keyring's prompt or for standard input must not hold the exit
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => out.fail(&failure).into(),
    }
}

/// What clap says, without its prefix and its usage lines.
fn usage(error: &clap::Error) -> Failure {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("a command is missing").hint("agentport --help");
    }
    let text = error.render().to_string();
    let (message, _) = text.split_once("\n\n").unwrap_or((&text, ""));
    Failure::usage(message.trim_start_matches("error: ").trim()).hint("agentport --help")
}

async fn run(app: &App, out: &Out, command: Option<Command>) -> Result<Exit, Failure> {
    match command {
        None if prompt::is_terminal() => {
            out.text(&Cli::command().render_help().to_string());
            Ok(Exit::Done)
        }
        None => Box::pin(stdio::run(app, stdio::Args::default())).await,
        Some(Command::Serve(args)) => serve::run(app, out, &args).await,
        Some(Command::Stdio(args)) => Box::pin(stdio::run(app, args)).await,
        Some(Command::Demo(args)) => demo::run(out, args).await,
        Some(Command::Init(args)) => init::run(app, out, args).await,
        Some(Command::Connect(args)) => connect::run(app, out, args).await,
        Some(Command::Disconnect(args)) => accounts::disconnect(app, out, args).await,
        Some(Command::Accounts) => accounts::list(app, out).await,
        Some(Command::Factor(action)) => factor::run(app, out, action).await,
        Some(Command::People(action)) => people::run(app, out, action).await,
        Some(Command::Agents(action)) => agents::run(app, out, action).await,
        Some(Command::Host(action)) => host::run(app, out, action),
        Some(Command::Open(args)) => open::run(app, out, args).await,
        Some(Command::Login(args)) => login::run(app, out, args).await,
        Some(Command::Approvals(action)) => approvals::run(app, out, action).await,
        Some(Command::Notify(action)) => notify::run(app, out, action).await,
        Some(Command::Policy(action)) => policy::run(app, out, action).await,
        Some(Command::Grants(action)) => grants::run(app, out, action).await,
        Some(Command::Tools(action)) => tools::run(app, out, action),
        Some(Command::Call(args)) => call::run(app, out, args).await,
        Some(Command::Log(action)) => log::run(app, out, action).await,
        Some(Command::Lock(args)) => lock::lock(app, out, args).await,
        Some(Command::Unlock(args)) => lock::unlock(app, out, args).await,
        #[cfg(target_os = "linux")]
        Some(Command::Install(args)) => install::run(out, &args),
        #[cfg(target_os = "linux")]
        Some(Command::Uninstall(args)) => install::uninstall(out, &args),
        #[cfg(target_os = "linux")]
        Some(Command::Moving(action)) => install::moving(app, out, action).await,
        Some(Command::Backup(args)) => backup::backup(app, out, args).await,
        Some(Command::Restore(args)) => backup::restore(app, out, args).await,
        Some(Command::Secrets(action)) => secrets::run(app, out, action).await,
        Some(Command::Purge(args)) => purge::run(app, out, args).await,
        Some(Command::Doctor(args)) => doctor::run(app, out, args).await,
    }
}
