//! `agentport doctor`: what is wrong with this set-up, what to do about it, and what an agent could reach all the same.
//!
//! `place` looks at the home and the program as files, `store` and `state` at what the home holds, `tls` at
//! who vouches for whom, `hosts` and `keys` at
//! the agent hosts' own files, `reach` says the level in plain words. Nothing here changes anything, and no value of a
//! key is ever shown.

mod channels;
mod finding;
mod hosts;
mod keys;
mod place;
mod reach;
mod state;
mod store;
mod tls;

use std::{path::PathBuf, sync::Arc};

use serde_json::json;

use self::finding::{Findings, Status};
pub(super) use self::keys::{mask, strings};
use super::{Exit, Failure, Out};
use crate::{
    app::{App, AppError},
    catalog::Catalog,
    config::{StoreKind, user_home},
    visible::visible,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Look for the agent hosts' files below this folder instead of your home directory, for example that of the user
    /// whom your agents run as
    #[arg(long, value_name = "DIR")]
    user_home: Option<PathBuf>,
}

pub(super) async fn run(app: &App, out: &Out, args: Args) -> Result<Exit, Failure> {
    let mut findings = Findings::default();
    let store = examine(app, &mut findings).await;
    match args.user_home.or_else(user_home) {
        Some(home) => {
            hosts::check(app, &home, store, &mut findings);
            keys::check(&home, &services(app), &mut findings);
        }
        None => findings.warn("hosts", "the user database knows no home directory of this user", "--user-home DIR"),
    }
    reach::check(store, &mut findings);
    let ok = !findings.has(Status::Bad);
    let value = json!({"level": reach::LEVEL, "findings": findings.to_json(), "ok": ok});
    out.answer(&value, || findings.to_text());
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

/// The ids of the services that can be connected.
fn services(app: &App) -> Vec<String> {
    let snapshot = app.gateway().parts().and_then(|parts| parts.snapshots.current().ok());
    let catalog = snapshot.map_or_else(|| Catalog::built_in().into(), |snapshot| Arc::clone(&snapshot.catalog));
    catalog.integrations().map(|integration| integration.id.clone()).collect()
}

/// The program and the home; says where secrets are kept, as far as that can be read.
async fn examine(app: &App, findings: &mut Findings) -> Option<StoreKind> {
    place::check_program(findings);
    let home = match app.home() {
        Ok(home) => home,
        Err(error) => {
            findings.bad("home", error.to_string(), "set AGENTPORT_HOME to an absolute path");
            return None;
        }
    };
    let safe = place::check_home(&home, findings);
    match app.open() {
        Ok(parts) => {
            findings.ok("home", format!("{} is there", visible(&home.path().display().to_string())));
            let reachable = store::check(app, &parts, findings).await;
            state::check(app, &parts, reachable, findings).await;
            return parts.snapshots.current().ok().map(|snapshot| snapshot.settings.store);
        }
        Err(AppError::NoHome(path)) => {
            findings.bad("home", format!("there is no home at {}", visible(&path)), "agentport init");
        }
        // what is wrong with its files has been said, and is why
        Err(_) if !safe => {}
        Err(error) => findings.bad("home", error.to_string(), "put it right, then run this again"),
    }
    None
}
