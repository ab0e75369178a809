//! `agentport init`: the home, and on a terminal the walk through the rest.

use serde_json::json;

use super::{Exit, Failure, Out, connect, factor, host, prompt, serving::Serving};
use crate::{
    app::{App, AppError},
    config::{Home, Settings, StoreKind},
    files,
    secret::Keyring,
    visible::visible,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where secrets are kept: the keyring, unless there is none and you answer otherwise
    #[arg(long, value_enum)]
    store: Option<Store>,
    /// The policy to begin with: default, everyday, read-only or locked-down
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// In a container: its port is published on this loopback address, and on no other
    #[arg(long, value_name = "ADDRESS")]
    published_on: Option<std::net::IpAddr>,
    /// The home of the service that `install --service` makes
    #[arg(long, hide = true)]
    for_service: bool,
    /// Leave a home that is there as it is, and end well
    #[arg(long)]
    if_absent: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Store {
    /// The operating system's keyring
    Keyring,
    /// An encrypted file, for machines without a keyring
    Vault,
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    if args.if_absent && app.home()?.database().exists() {
        let path = app.home()?.path().display().to_string();
        out.answer(&json!({"home": path, "made": false}), || format!("there is a home at {}", visible(&path)));
        return Ok(Exit::Done);
    }
    if args.published_on.is_some_and(|address| !address.is_loopback()) {
        return Err(Failure::usage("--published-on takes a loopback address: beyond it nobody may come without TLS"));
    }
    let asks = prompt::is_terminal() && !out.is_json() && !app.home().is_ok_and(|home| home.database().exists());
    let store = match args.store {
        Some(Store::Vault) => StoreKind::Vault,
        None if asks => ask_store(out).await?,
        Some(Store::Keyring) | None => StoreKind::Keyring,
    };
    let preset = match args.preset {
        Some(preset) => preset,
        None if asks => ask_preset(out)?,
        None => USUAL.to_owned(),
    };
    let home = app.init(store, &preset).await.map_err(|error| match error {
        AppError::Store(error) => Failure::new(format!("the keyring cannot be used: {error}"))
            .hint("on a machine without a keyring: agentport init --store vault"),
        error @ AppError::NoPreset(..) => Failure::usage(error.to_string()),
        AppError::HomeExists(path) => Failure::new(format!("there is a home at {path} already; nothing was changed"))
            .hint("go on with `agentport doctor`; for another home set AGENTPORT_HOME"),
        other => other.into(),
    })?;
    if let Some(address) = args.published_on {
        publish(app, &home, address)?;
    } else if args.for_service {
        let text = files::read_guarded(&home.settings())?.unwrap_or_default();
        files::replace_private(&home.settings(), Settings::for_gateway(&text).as_bytes())?;
    }
    let path = home.path().display().to_string();
    if out.is_json() {
        out.value(&json!({"home": path, "store": matches!(store, StoreKind::Vault).then_some("vault").unwrap_or("keyring"), "preset": preset}));
        return Ok(Exit::Done);
    }
    out.text(&format!("made {}: settings, the policy `{}`, an empty log", visible(&path), preset));
    if store == StoreKind::Vault
        && let Ok(parts) = app.open()
        && let Ok(snapshot) = parts.snapshots.current()
    {
        let key = snapshot.settings.key.path().display().to_string();
        out.text(&format!("its secrets open with the key in {}; keep a copy of that file elsewhere", visible(&key)));
    }
    if prompt::is_terminal() {
        walk_on(app, out).await;
    } else {
        out.text(
            "next: agentport factor add totp (or, in a browser, agentport open), then agentport connect <integration>",
        );
    }
    Ok(Exit::Done)
}

/// The preset that a home gets unless another is named.
const USUAL: &str = "default";

/// In a container every address is its own; who publishes its port says who may come.
fn publish(app: &App, home: &Home, address: std::net::IpAddr) -> Result<(), Failure> {
    let text = files::read_guarded(&home.settings())?.unwrap_or_default();
    let text = Settings::for_gateway(&text);
    let listen = format!("published_on = \"{address}\"\nlisten = \"0.0.0.0:");
    let text = text.replacen("listen = \"127.0.0.1:", &listen, 1);
    Settings::parse(&text, app.environment())?;
    Ok(files::replace_private(&home.settings(), text.as_bytes())?)
}

/// The policy to begin with, from those that there are.
fn ask_preset(out: &Out) -> Result<String, Failure> {
    out.text("The policy to begin with. You can change it at any time.");
    for (name, what) in [
        (USUAL, "reads run; everything that changes something waits for you"),
        ("everyday", "labels, drafts, comments and issues run too; what reaches others or moves money waits"),
        ("read-only", "reads run; nothing else does"),
        ("locked-down", "reads wait for you too; nothing is deleted, sent or paid"),
    ] {
        out.text(&format!("  {name:<12} {what}"));
    }
    let known: Vec<_> = crate::policy::presets().iter().map(|(name, _)| *name).collect();
    Ok(prompt::choice(out, &format!("which one? [{USUAL}]"), &known)?.unwrap_or_else(|| USUAL.to_owned()))
}

/// The keyring where it keeps what it is given; else what the person says. Before anything else is asked or made.
async fn ask_store(out: &Out) -> Result<StoreKind, Failure> {
    // under the name of no home: that of this one is not known yet
    let Err(error) = Keyring::new("init").probe().await else { return Ok(StoreKind::Keyring) };
    out.text(&format!("the keyring cannot be used: {error}"));
    if prompt::yes("keep secrets in an encrypted file of your own instead?")? {
        return Ok(StoreKind::Vault);
    }
    Err(Failure::new("nothing was made").hint("make the keyring usable, then run agentport init again"))
}

/// The rest of the set-up, each step of which can be skipped and done later by its own command.
async fn walk_on(app: &App, out: &Out) {
    out.text("\n1/3  Your second factor: an authenticator app proves that it is you who approves.");
    // the page leads on to the inbox, so that it is served until the walk ends
    let serving = second_factor(app, out).await;
    let catalog = app.open().and_then(|parts| Ok(parts.snapshots.current()?.catalog.clone()));
    let services: Vec<&str> =
        catalog.iter().flat_map(|catalog| catalog.integrations()).map(|integration| integration.id.as_str()).collect();
    out.text(&format!("\n2/3  Your accounts. Services: {}.", services.join(", ")));
    each(out, &services, "agentport connect", async |name| connect::run(app, out, connect::Args::of(name)).await).await;
    let hosts = host::names();
    out.text(&format!("\n3/3  Your agent hosts: {}.", hosts.join(", ")));
    let add = async |name: &str| host::Action::add(name).map_or(Ok(Exit::Done), |action| host::run(app, out, action));
    each(out, &hosts, "agentport host add", add).await;
    if let Some(serving) = serving {
        serving.end().await;
    }
    out.text("\ndone. `agentport doctor` says what is still missing.");
}

/// Asks for one of `names` and does it, until no further one is named. What failed can be named again.
async fn each(out: &Out, names: &[&str], later: &str, act: impl AsyncFn(&str) -> Result<Exit, Failure>) {
    let mut question = "which one? (empty to skip)";
    loop {
        match prompt::choice(out, question, names) {
            Ok(Some(name)) => step(out, act(&name).await, &format!("{later} {name}")),
            Ok(None) => return,
            Err(failure) => return step(out, Err(failure), &format!("{later} <name>")),
        }
        question = "another one? (empty to go on)";
    }
}

/// In the browser, where there is one, or here with the QR code in the terminal.
async fn second_factor(app: &App, out: &Out) -> Option<Serving> {
    let usual = if app.environment().has_display() { "b" } else { "t" };
    let answer =
        prompt::ask(&format!("set it up in the (b)rowser, here in the (t)erminal, or (l)ater? [{usual}]")).ok()?;
    let answer = answer.trim().to_ascii_lowercase();
    let answer = if answer.is_empty() { usual } else { answer.as_str() };
    if answer.starts_with('b') {
        let (serving, result) = in_browser(app, out).await;
        step(out, result, "agentport open");
        return serving;
    }
    if answer.starts_with('t') {
        step(out, factor::run(app, out, factor::Action::totp()).await, "agentport factor add totp");
    }
    None
}

/// The site stays: what it comes back with is to be ended.
async fn in_browser(app: &App, out: &Out) -> (Option<Serving>, Result<Exit, Failure>) {
    let gateway = app.gateway();
    let parts = match gateway.open_parts() {
        Ok(parts) => parts,
        Err(error) => return (None, Err(error.into())),
    };
    let serving = match Serving::start(&gateway).await {
        Ok(serving) => serving,
        Err(failure) => return (None, Err(failure)),
    };
    let result =
        factor::add_in_browser(app, &gateway, &parts, &serving, out, &crate::approval::PersonId::owner()).await;
    if result.is_ok() {
        out.text("enrolled. The recovery codes are in your browser; save them before you go on");
    }
    (Some(serving), result)
}

fn step(out: &Out, result: Result<Exit, Failure>, later: &str) {
    if let Err(failure) = result {
        out.fail(&failure);
        out.text(&format!("not done; now or later: {later}"));
    }
}
