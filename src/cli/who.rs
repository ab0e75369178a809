//! Whose code it is, where several people may say yes.

use super::Failure;
use crate::{
    approval::{PersonId, PersonName},
    gateway::Parts,
    visible::visible,
};

#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// Whose code it is, where several people may say yes
    #[arg(long, value_name = "NAME", default_value = "owner")]
    person: String,
}

impl Default for Who {
    fn default() -> Self {
        Self { person: "owner".to_owned() }
    }
}

impl Who {
    /// The person of that name.
    pub(super) async fn id(&self, parts: &Parts) -> Result<PersonId, Failure> {
        find(parts, &self.person).await
    }
}

/// The person of a name.
pub(super) async fn find(parts: &Parts, name: &str) -> Result<PersonId, Failure> {
    let found = match name.parse::<PersonName>() {
        Ok(name) => parts.home.people().await?.into_iter().find(|person| person.name == name),
        Err(_) => None,
    };
    found
        .map(|person| person.id)
        .ok_or_else(|| Failure::new(format!("there is no person `{}`", visible(name))).hint("agentport people list"))
}
