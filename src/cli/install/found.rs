//! What the user has whose agents it is for.

use serde_json::{Value, json};

use super::system::{self, LocalUser};
use crate::{
    call::Caller,
    cli::{Failure, host::Host},
    visible::visible,
};

/// What the user has.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) home: Option<String>,
    pub(super) accounts: Vec<String>,
    /// Files of the user's that accounts are, which the service may not see.
    pub(super) files: Vec<String>,
    pub(super) factors: u64,
    pub(super) store: String,
    pub(super) key_file: Option<String>,
    pub(super) hosts: Vec<Host>,
}

impl Found {
    /// Asked of the program itself, running as that user.
    pub(super) fn at(owner: &LocalUser, dry: bool) -> Result<Self, Failure> {
        if dry && !rustix::process::geteuid().is_root() && rustix::process::geteuid().as_raw() != owner.id {
            return Err(Failure::usage(format!("only root and {} can say what there is to move", owner.name)));
        }
        let value = &system::answer(system::this_as_user(owner, &["moving", "survey", "--json"]), None)
            .map_err(|failure| Failure::new(format!("{}: {}", owner.name, failure.message())))?;
        let text = |value: &Value| value.as_str().map(visible);
        let texts = |key: &str| value[key].as_array().into_iter().flatten().filter_map(text).collect::<Vec<_>>();
        let named = |host: &Host| value["hosts"].as_array().is_some_and(|hosts| hosts.contains(&json!(host.name())));
        Ok(Self {
            home: text(&value["home"]),
            accounts: texts("accounts"),
            files: texts("files"),
            factors: value["factors"].as_u64().unwrap_or(0),
            store: text(&value["store"]).unwrap_or_else(|| "vault".to_owned()),
            key_file: text(&value["key_file"]),
            hosts: Host::ALL.into_iter().filter(named).collect(),
        })
    }

    /// Rules name it as `caller`: where there is one host, it stays who it was.
    pub(super) fn caller(&self, owner: &LocalUser, given: Option<&str>) -> Result<Caller, Failure> {
        let name = match (given, self.hosts.as_slice()) {
            (Some(name), _) => name,
            (None, [host]) => host.name(),
            (None, _) => &owner.name,
        };
        Caller::parse(name).map_err(|error| Failure::usage(error).hint("name it with --as"))
    }
}
