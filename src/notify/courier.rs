//! Who carries messages: takes what is due out of the ledger's file, hands it to its channel, writes down what came of it.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::{Message, Undelivered, channel};
use crate::{
    clock::{Clock, Millis},
    config::{Channel, SecretNeed, Settings},
    ledger::{
        Ledger as _, LedgerError, Sqlite, Told,
        sqlite::{Delivery, Due},
    },
    secret::SecretStore,
    snapshot::Snapshot,
    trust::Trust,
    upstream::{
        ChannelSecret, channel_secret_name,
        http::{Http, Limits},
    },
};

/// Carries messages over the channels of a home.
#[derive(Debug)]
pub struct Courier {
    home: Sqlite,
    secrets: Arc<dyn SecretStore>,
    http: Http,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    new: Notify,
}

/// Why a channel is not used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Whoever gets its messages could not follow their link.
    #[error(
        "its messages leave this computer, and `public_url` leads to this computer only, so that their link would lead nowhere"
    )]
    Unreachable,
}

impl Refusal {
    /// What to do about it.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "set `public_url` of [site] to an https name that a tunnel or a proxy on this computer serves from `listen` \
                 (docs/channels.md, \"A link that can be followed\")"
            }
        }
    }
}

impl Courier {
    /// A courier of this home.
    pub fn new(home: Sqlite, secrets: Arc<dyn SecretStore>, clock: Arc<dyn Clock>) -> Self {
        let http = Http::new(Limits::DEFAULT);
        Self { home, secrets, http, clock, tasks: TaskTracker::new(), new: Notify::new() }
    }

    /// The same with what the settings say about who is believed.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { http: self.http.trusting(trust), ..self }
    }

    /// Why a channel is not used, where it is not.
    pub fn refusal(channel: &Channel, settings: &Settings) -> Option<Refusal> {
        (channel.kind.leaves_machine() && !settings.is_published()).then_some(Refusal::Unreachable)
    }

    /// Notes who has to be told of what waits now, and says who was, of one approval. Sends nothing by itself.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn announce(&self, approval: &str, settings: &Settings) -> Result<Told, LedgerError> {
        let names: Vec<String> = used(settings).map(|channel| channel.name.clone()).collect();
        if names.is_empty() {
            return Ok(Told::Nobody);
        }
        if self.home.plan_notices(&names, self.clock.now()).await? {
            self.new.notify_one();
        }
        self.home.told(approval).await
    }

    /// Waits until something new is to be told.
    pub async fn news(&self) {
        self.new.notified().await;
    }

    /// Takes what is due on each channel and begins to send it. Returns before it is sent.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn round(self: &Arc<Self>, snapshot: &Arc<Snapshot>) -> Result<(), LedgerError> {
        let channels: Vec<&Channel> = used(&snapshot.settings).collect();
        if channels.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = channels.iter().map(|channel| channel.name.clone()).collect();
        let now = self.clock.now();
        self.home.plan_notices(&names, now).await?;
        for channel in channels {
            if let Some(due) = self.home.claim_message(&channel.name, now).await? {
                let (courier, channel, snapshot) = (Arc::clone(self), channel.clone(), Arc::clone(snapshot));
                self.tasks.spawn(async move { courier.carry(&channel, &snapshot, due).await });
            }
        }
        Ok(())
    }

    /// Waits for what is being sent, for at most so long. What then still is, another process sends again.
    pub async fn drain(&self, patience: Duration) {
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait()).await.is_err() {
            tracing::warn!("a message was still being sent");
        }
    }

    /// Sends a message that says that the channel works, now.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn test(&self, channel: &Channel, snapshot: &Snapshot) -> Result<(), Undelivered> {
        let now = self.clock.now();
        let sent = self.send(channel, &Message::test(snapshot.site.as_deref(), now.wall)).await;
        if let Err(error) = self.home.channel_tested(&channel.name, delivery(&sent), now).await {
            tracing::error!("{error}");
        }
        sent
    }

    async fn carry(&self, channel: &Channel, snapshot: &Snapshot, due: Due) {
        let sent = self.hand_over(channel, snapshot, &due).await;
        if let Err(undelivered) = &sent {
            tracing::warn!(channel = channel.name, "a message was not taken: {undelivered}");
        }
        let settled = self.home.settle_message(&channel.name, &due.message, delivery(&sent), self.clock.now()).await;
        if let Err(error) = settled {
            tracing::error!("{error}");
        }
        // the next one on this channel may be due already
        self.new.notify_one();
    }

    async fn hand_over(&self, channel: &Channel, snapshot: &Snapshot, due: &Due) -> Result<(), Undelivered> {
        let mut approvals = Vec::new();
        for (id, kind) in &due.notices {
            match self.home.approval(id).await {
                Ok(Some(approval)) => approvals.push((approval, *kind)),
                Ok(None) => {}
                Err(error) => return Err(Undelivered::because(error.to_string())),
            }
        }
        let now = self.clock.now().wall;
        let site = snapshot.site.as_deref();
        let message = Message::about(&due.message, &approvals, &snapshot.catalog, site, (channel.arguments, now));
        self.send(channel, &message).await
    }

    async fn send(&self, channel: &Channel, message: &Message) -> Result<(), Undelivered> {
        let secret = self.secret(channel).await?;
        channel::send(channel, secret.as_ref(), message, &self.http).await
    }

    /// The channel's secret, where it has one, for the destination that it has now.
    async fn secret(&self, channel: &Channel) -> Result<Option<ChannelSecret>, Undelivered> {
        match channel.kind.secret().0 {
            SecretNeed::No => return Ok(None),
            SecretNeed::Optional | SecretNeed::Required => {}
        }
        let stored = self.secrets.get(&channel_secret_name(&channel.name)).await;
        let stored = stored.map_err(|error| Undelivered::because(error.to_string()))?;
        let Some(sealed) = stored else { return Ok(None) };
        ChannelSecret::open(&sealed, &channel.kind.destination())
            .map(Some)
            .map_err(|error| Undelivered::because(format!("{error}; run `agentport notify set {}`", channel.name)))
    }
}

/// The channels that are used.
fn used(settings: &Settings) -> impl Iterator<Item = &Channel> {
    settings.notify.iter().filter(|channel| Courier::refusal(channel, settings).is_none())
}

fn delivery(sent: &Result<(), Undelivered>) -> Delivery {
    match sent {
        Ok(()) => Delivery::Taken,
        Err(Undelivered { problem, wait }) => Delivery::Failed {
            problem: problem.clone(),
            wait: wait.and_then(|wait| Millis::try_from(wait.as_millis()).ok()).unwrap_or(0),
        },
    }
}
