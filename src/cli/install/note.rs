//! What `install` notes for `uninstall`, in a file of root's: whose home it was, and how that kept its secrets.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Found, LocalUser};
use crate::{cli::Failure, files};

pub(super) const PATH: &str = "/etc/agentport/service.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub(super) user: String,
    /// The program that the hosts of this user started before.
    pub(super) program: Option<String>,
    pub(super) store: String,
    pub(super) key_file: Option<String>,
}

impl Note {
    /// Of this program at this user's. One that is there already says more: at a second run nothing is left to see.
    pub(super) fn of(owner: &LocalUser, found: &Found) -> Self {
        let program = std::env::current_exe().ok().and_then(|path| path.canonicalize().ok());
        let new = Self {
            user: owner.name.clone(),
            program: program.and_then(|path| path.to_str().map(str::to_owned)),
            store: found.store.clone(),
            key_file: found.key_file.clone(),
        };
        match Self::read() {
            Ok(Some(old)) if old.user == new.user && found.home.is_none() => old,
            Ok(_) | Err(_) => new,
        }
    }

    pub(super) fn read() -> Result<Option<Self>, Failure> {
        let Some(text) = files::read_guarded(Path::new(PATH))? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| Failure::new(format!("{PATH}: {error}")))
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| format!("{text}\n")).unwrap_or_default()
    }
}
