//! The set-up link: enrolling a factor in the browser. Shown on the terminal, never in an argument list, an answer to an
//! agent or the log.

use std::time::Duration;

use serde_json::json;

use super::{Failure, Out, browser, serving::Serving};
use crate::{
    app::App,
    approval::{Approver, FactorId, PersonName},
    clock::rfc3339,
    gateway::{Gateway, Parts},
    ledger::sqlite::EnrolmentToken,
};

/// How often we look whether the link was used.
const LOOK: Duration = Duration::from_millis(500);
/// To save ten recovery codes.
const LINGER: Duration = Duration::from_mins(5);
/// Enough for what is under way, such as the last page with its style.
const MOMENT: Duration = Duration::from_secs(2);

/// A link that is open, while the site is served.
pub(super) struct Link<'a> {
    gateway: &'a Gateway,
    parts: &'a Parts,
    token: EnrolmentToken,
    before: Vec<FactorId>,
    /// In the browser, until the command ends.
    _leading: Option<browser::Leading>,
}

impl<'a> Link<'a> {
    /// Makes a link, which ends every earlier one, and shows it to the person. The first factor needs no approver.
    pub(super) async fn make(
        app: &App,
        out: &Out,
        gateway: &'a Gateway,
        parts: &'a Parts,
        serving: &Serving,
        approver: Option<Approver>,
        next: Option<String>,
    ) -> Result<Self, Failure> {
        let token = parts.home.open_enrolment(approver, next, gateway.clock().now()).await?.ok_or_else(|| {
            Failure::new("another factor was enrolled meanwhile, or that code was used; no link was made")
        })?;
        Self::show(app, out, (gateway, parts), serving, token, None).await
    }

    /// Shows a link that was just made. One for somebody else, of that name, opens in no browser here.
    pub(super) async fn show(
        app: &App,
        out: &Out,
        (gateway, parts): (&'a Gateway, &'a Parts),
        serving: &Serving,
        token: EnrolmentToken,
        guest: Option<&PersonName>,
    ) -> Result<Self, Failure> {
        let before = factors(parts).await?;
        let now = gateway.clock().now();
        let enrolment = parts.home.enrolment(&token, now).await?;
        let expires_at = enrolment.map_or(now.wall, |enrolment| enrolment.expires_at);
        let url = format!("{}/enrol/{}", serving.base(), token.as_link());
        let leading = match guest {
            Some(_) => None,
            None => browser::open_unseen(app.environment(), &parts.snapshots.home().run(), &url),
        };
        let opened = leading.is_some();
        out.answer(&json!({"url": url, "opened": opened, "expires_at": rfc3339(expires_at)}), || {
            if let Some(name) = guest {
                return format!(
                    "the link for {name}, who enrols a factor of their own there:\n{url}\nIt works once, for 15 minutes, and \
                     while this runs. Hand it to {name} yourself, and to nobody else: whoever opens it first can say yes as {name}."
                );
            }
            let how = if opened {
                "opened in your browser; if no page came up, open this address yourself:".to_owned()
            } else {
                format!("{}\nto set up your second factor, open this address:", serving.tunnel_hint())
            };
            format!("{how}\n{url}\nIt works once, for 15 minutes. Show it to nobody: whoever opens it first is the approver.")
        });
        Ok(Self { gateway, parts, token, before, _leading: leading })
    }

    /// Waits until the link was used, or has ended.
    pub(super) async fn used(self) -> Result<FactorId, Failure> {
        while self.parts.home.enrolment(&self.token, self.gateway.clock().now()).await?.is_some() {
            tokio::time::sleep(LOOK).await;
        }
        // a link that has taken its last code is closed while that code is still being looked at
        tokio::time::sleep(MOMENT).await;
        let enrolled = factors(self.parts).await?.into_iter().find(|id| !self.before.contains(id));
        enrolled.ok_or_else(|| {
            Failure::new(
                "the set-up link has ended: its time is over, too many codes were wrong, or a newer one was made",
            )
            .hint("make a new one, or enrol here: agentport factor add totp")
        })
    }
}

/// The factor is on. How long the site stays, for the person who saves the recovery codes and goes on from their page.
pub(super) fn stay(out: &Out) -> Duration {
    if out.is_json() {
        return MOMENT;
    }
    out.text("enrolled. The page stays for five more minutes, so that you can go on there; Ctrl-C ends it sooner");
    LINGER
}

/// How long the site stays for somebody who looks around, where no other process serves it.
pub(super) fn linger(out: &Out) -> Duration {
    if out.is_json() {
        return MOMENT;
    }
    out.text(
        "served from here for five minutes; Ctrl-C ends it sooner, `agentport open --wait 1h` keeps it for longer",
    );
    LINGER
}

async fn factors(parts: &Parts) -> Result<Vec<FactorId>, Failure> {
    Ok(parts.ledger.factors().await?.into_iter().map(|factor| factor.id).collect())
}
