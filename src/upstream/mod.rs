//! What acts. An upstream takes a [`Permit`] and a [`Credential`] and answers with an [`Outcome`]; it decides nothing.
//!
//! `rest` sends to services, over `http`, the one client of the whole program; `sql` sends to databases. `credential` is the
//! only way to a secret, `oauth` keeps those of a sign-in usable, `filter` is what every answer passes, `answer`, `graphql`
//! and `mail` are how it is read. A new kind of upstream is a new file here and a variant of `catalog::UpstreamSpec`,
//! `RequestTemplate` and `plan::Request`; `gateway` and `policy` stay as they are.

mod answer;
pub mod credential;
pub mod filter;
mod graphql;
pub mod http;
mod json;
mod mail;
pub mod oauth;
mod patience;
mod reading;
mod rest;
mod sql;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::{
    credential::{
        ChannelSecret, ChannelSecretError, Credential, CredentialError, Credentials, Inspected, Observed,
        account_secret_name, account_secret_names, channel_secret_name, destination, inspect, is_waiting, looks_right,
        seal, seal_channel, seal_key,
    },
    rest::Rest,
    sql::{Sql, least_role},
};
use crate::{
    ledger::{Outcome, Permit},
    plan::Request,
};

/// A way to act on a service.
#[async_trait]
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// Sends the permitted plan once and says how it ended. Never retries what is not a read, never panics, and answers
    /// within its own deadline.
    async fn send(&self, permit: &Permit, credential: Credential) -> Outcome;
}

/// One upstream for each kind of request.
#[derive(Debug, Clone)]
pub struct Upstreams {
    /// For requests over HTTP.
    pub http: Arc<dyn Upstream>,
    /// For statements to databases.
    pub sql: Arc<dyn Upstream>,
}

impl Upstreams {
    /// What sends this request.
    pub fn of(&self, request: &Request) -> &Arc<dyn Upstream> {
        match request {
            Request::Http(_) => &self.http,
            Request::Sql(_) => &self.sql,
        }
    }
}
