//! The side that gets a home: the ledger's file comes last and is looked through before it has its name, so that a home
//! that did not arrive whole is none.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _},
    path::Path,
};

use serde_json::json;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{
    moving::{self, Header},
    system::SOCKET,
};
use crate::{
    app::App,
    cli::{Exit, Failure, Out},
    config::{Home, Settings, StoreKind},
    files,
    ledger::{Runner, Sqlite},
    secret::{self, KeySource, Keyring, SecretStore, Vault},
};

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Args {
    /// The home becomes the service's, with its socket
    #[arg(long)]
    service: bool,
    /// Where its secrets are to be kept
    #[arg(long, value_enum, default_value = "vault")]
    store: Store,
    /// And the vault's key
    #[arg(long, default_value = "~/.agentport.key")]
    key_file: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Store {
    Keyring,
    Vault,
}

pub(super) async fn run(app: &App, out: &Out, args: &Args) -> Result<Exit, Failure> {
    let home = app.home()?;
    let mut from = BufReader::new(std::io::stdin());
    let header = moving::header(&mut from)?;
    if home.database().exists() {
        // a move that was cut off after it had arrived
        let parts = app.open()?;
        if parts.home.home_id() != header.home_id || !parts.home.has_record(&header.head)? {
            return Err(Failure::new(format!(
                "there is another home at {} already; nothing was moved",
                home.path().display()
            ))
            .hint("take one of the two away: the service's with `agentport uninstall --service`, or your own"));
        }
        std::io::copy(&mut from, &mut std::io::sink())?;
        out.value(&json!({"taken": true, "before": true}));
        return Ok(Exit::Done);
    }
    let existed = home.path().exists();
    let made = make(app, &home, &header, &mut from, args).await;
    if made.is_err() && !existed {
        drop(fs::remove_dir_all(home.path()));
    }
    let (secrets, records) = made?;
    out.value(&json!({"taken": true, "before": false, "secrets": secrets, "records": records}));
    Ok(Exit::Done)
}

async fn make(
    app: &App,
    home: &Home,
    header: &Header,
    from: &mut (impl BufRead + Send),
    args: &Args,
) -> Result<(u32, u64), Failure> {
    for folder in [home.path().to_owned(), home.run(), home.tools()] {
        files::ensure_private_dir(&folder)?;
    }
    files::check_ancestors(home.path())?;
    let text = settings(&header.settings, args)?;
    let settings = Settings::parse(&text, app.environment())?;
    files::replace_private(&home.settings(), text.as_bytes())?;
    files::replace_private(&home.policy(), header.policy.as_bytes())?;
    if let Some(grants) = &header.grants {
        files::replace_private(&home.grants(), grants.as_bytes())?;
    }
    for (name, text) in &header.tools {
        if Path::new(name).file_name().is_none_or(|only| only != name.as_str()) {
            return Err(Failure::new("what came is no home"));
        }
        files::replace_private(&home.tools().join(name), text.as_bytes())?;
    }
    let store = store(home, &settings, &header.home_id).await?;
    let secrets = secret::take(&*store, from).await?;
    let records = ledger(home, header, from).await?;
    Ok((secrets, records))
}

async fn store(home: &Home, settings: &Settings, home_id: &str) -> Result<Box<dyn SecretStore>, Failure> {
    match settings.store {
        StoreKind::Vault => {
            Vault::create_key(settings.key.path())?;
            Ok(Box::new(Vault::new(home.vault(), KeySource::File(settings.key.path().to_owned()))))
        }
        StoreKind::Keyring => {
            let keyring = Keyring::new(home_id);
            keyring.probe().await?;
            Ok(Box::new(keyring))
        }
    }
}

async fn ledger(home: &Home, header: &Header, from: &mut impl BufRead) -> Result<u64, Failure> {
    let broken = || Failure::new("the log did not arrive whole; nothing was moved");
    let mut length = String::new();
    from.read_line(&mut length)?;
    let length: u64 = length.trim().parse().map_err(|_| broken())?;
    let arrived = home.path().join("arrived.db");
    drop(fs::remove_file(&arrived));
    let mut file = files::create_private(&arrived)?.ok_or_else(broken)?;
    if std::io::copy(&mut from.take(length), &mut file)? != length {
        return Err(broken());
    }
    file.sync_all()?;
    drop(file);
    let runner = Runner::start(&home.run())?;
    let ledger = Sqlite::open(&arrived, runner)?;
    let verified = ledger.verify().await?.map_err(|bad| Failure::new(format!("{bad}; nothing was moved")))?;
    if ledger.home_id() != header.home_id || verified.head != header.head {
        return Err(broken());
    }
    // the last who has it open makes one file of it
    drop(ledger);
    fs::rename(&arrived, home.database())?;
    fs::File::open(home.path())?.sync_all()?;
    Ok(verified.records)
}

/// The settings as they were, but for where the secrets are and how agents come.
fn settings(text: &str, args: &Args) -> Result<String, Failure> {
    let mut document: DocumentMut = text.parse().map_err(|error| Failure::new(format!("agentport.toml: {error}")))?;
    let store = match args.store {
        Store::Keyring => "keyring",
        Store::Vault => "vault",
    };
    set(&mut document, "secrets", "store", Some(store));
    set(&mut document, "secrets", "key_file", Some(&args.key_file));
    set(&mut document, "site", "socket", args.service.then_some(SOCKET));
    Ok(document.to_string())
}

/// For a home that was made where it is.
pub(super) fn open_socket(app: &App, out: &Out) -> Result<Exit, Failure> {
    let path = app.home()?.settings();
    let text = files::read_guarded(&path)?.unwrap_or_default();
    let args = Args { service: true, store: Store::Vault, key_file: "~/.agentport.key".to_owned() };
    files::replace_private(&path, settings(&text, &args)?.as_bytes())?;
    out.value(&json!({"socket": SOCKET}));
    Ok(Exit::Done)
}

/// One key of a table; what stands behind it on its line stays.
fn set(document: &mut DocumentMut, table: &str, key: &str, to: Option<&str>) {
    let Some(table) = document.entry(table).or_insert(Item::Table(Table::new())).as_table_like_mut() else { return };
    match (to, table.get_mut(key).and_then(Item::as_value_mut)) {
        (Some(to), Some(found)) => {
            let decor = found.decor().clone();
            *found = to.into();
            *found.decor_mut() = decor;
        }
        (Some(to), None) => drop(table.insert(key, value(to))),
        (None, _) => drop(table.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(text: &str, service: bool, store: Store) -> String {
        settings(text, &Args { service, store, key_file: "~/.agentport.key".to_owned() }).unwrap()
    }

    #[test]
    fn the_settings_keep_what_is_not_about_the_move() {
        let template = Settings::template(StoreKind::Keyring);
        let there = moved(&template.replace("\"5m\"", "\"6m\""), true, Store::Vault);
        let parsed = Settings::parse(&there, &crate::config::Environment::default()).unwrap();
        assert_eq!((parsed.store, parsed.socket.as_deref()), (StoreKind::Vault, Some(Path::new(SOCKET))));
        assert!(there.contains("store = \"vault\"") && there.contains("# 1m to 7d"), "{there}");
        let back = moved(&there, false, Store::Keyring);
        let before = Settings::parse(&template, &crate::config::Environment::default()).unwrap();
        assert_eq!(Settings::parse(&back, &crate::config::Environment::default()).unwrap(), before);
        assert!(moved("", true, Store::Vault).contains("[site]\nsocket"), "a file that was empty");
    }
}
