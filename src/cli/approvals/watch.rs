//! `agentport approvals watch`: the inbox in the terminal, live, for people on SSH.
//!
//! Plain lines, so that it works wherever lines do. What is approved or denied is what was shown last, in full.

use std::{collections::BTreeMap, io::IsTerminal as _, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::described::{described, explained, short, yeses};
use crate::{
    app::App,
    approval::{Code, PersonId},
    cli::{Exit, Failure, Out},
    clock::rfc3339,
    gateway::{Gateway, Parts, Presented, Said},
    ledger::{Approval, ApprovalStatus},
    visible::visible,
    web,
};

/// How often the ledger is asked.
const LOOK: Duration = Duration::from_millis(500);
/// What is being sent, or told, may take so long at the end.
const PATIENCE: Duration = Duration::from_secs(30);

const HELP: &str = "\
a number   shows that call in full
a          approves what is shown, with a code; it is sent at once
d [note]   denies what is shown; the note is for the agent
l          lists what waits
q          ends";

/// What is known of the inbox, and what of it the person looks at.
struct Inbox<'a> {
    app: &'a App,
    out: &'a Out,
    gateway: Arc<Gateway>,
    parts: Arc<Parts>,
    /// Whose codes are typed here.
    person: PersonId,
    /// What waits or is being sent, with its number.
    known: BTreeMap<String, (usize, ApprovalStatus)>,
    numbers: usize,
    shown: Option<String>,
}

pub(super) async fn run(
    app: &App,
    out: &Out,
    gateway: Arc<Gateway>,
    parts: Arc<Parts>,
    person: PersonId,
) -> Result<Exit, Failure> {
    // links work and people are told while any process of the home runs, and this is one
    let stop = CancellationToken::new();
    let site = tokio::spawn(web::host(Arc::clone(&gateway), stop.clone()));
    let telling = tokio::spawn(Arc::clone(&gateway).tell(stop.clone()));
    let mut inbox = Inbox {
        app,
        out,
        gateway: Arc::clone(&gateway),
        parts,
        person,
        known: BTreeMap::new(),
        numbers: 0,
        shown: None,
    };
    let ended = inbox.watch().await;
    stop.cancel();
    gateway.drain(PATIENCE).await;
    drop(tokio::join!(site, telling));
    ended.map(|()| Exit::Done)
}

impl Inbox<'_> {
    /// Until the person or the reader has enough.
    async fn watch(&mut self) -> Result<(), Failure> {
        let mut lines = if self.out.is_json() { None } else { Some(typed()?) };
        if lines.is_some() {
            self.out.text("what waits for you; type a number to see it in full, ? for help, q to end");
        }
        if !self.look().await? {
            return Ok(());
        }
        if lines.is_some() && self.known.is_empty() {
            self.out.text("nothing waits");
        }
        loop {
            let line = async {
                match &mut lines {
                    Some(lines) => lines.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = tokio::signal::ctrl_c() => return Ok(()),
                line = line => match line.as_deref().map(str::trim) {
                    None | Some("q") => return Ok(()),
                    Some(line) => {
                        let line = line.to_owned();
                        if let Some(lines) = &mut lines {
                            self.obey(&line, lines).await;
                        }
                    }
                },
            }
            if !self.look().await? {
                return Ok(());
            }
        }
    }

    /// Says what has changed since. `false`: nobody reads any more.
    async fn look(&mut self) -> Result<bool, Failure> {
        self.parts.ledger.sweep(self.app.clock().now()).await?;
        let mut open = self.parts.ledger.open_approvals(None).await?;
        open.retain(|approval| matches!(approval.status, ApprovalStatus::Pending | ApprovalStatus::Approved));
        let mut reads = true;
        for approval in &open {
            let before = self.known.get(&approval.id).copied();
            let number = before.map_or(self.numbers + 1, |(number, _)| number);
            self.numbers = self.numbers.max(number);
            if before.is_none_or(|(_, status)| status != approval.status) {
                self.known.insert(approval.id.clone(), (number, approval.status));
                let event = if approval.status == ApprovalStatus::Pending { "waiting" } else { "sending" };
                reads &= self.say(event, number, approval);
            }
        }
        let gone: Vec<String> =
            self.known.keys().filter(|id| !open.iter().any(|approval| approval.id == **id)).cloned().collect();
        for id in gone {
            let Some((number, _)) = self.known.remove(&id) else { continue };
            if self.shown.as_ref() == Some(&id) {
                self.shown = None;
            }
            if let Some(approval) = self.parts.ledger.approval(&id).await? {
                reads &= self.say("ended", number, &approval);
            }
        }
        Ok(reads)
    }

    fn say(&self, event: &str, number: usize, approval: &Approval) -> bool {
        if self.out.is_json() {
            return self.out.line(&json!({"event": event, "approval": short(approval)}));
        }
        let bell = if event == "waiting" && std::io::stdout().is_terminal() { "\u{7}" } else { "" };
        self.out.text(&match event {
            "waiting" => format!("{bell}{}", line(number, approval)),
            _ => format!("[{number}] {}: {}", status(approval), approval.summary),
        });
        true
    }

    /// What a person typed.
    async fn obey(&mut self, line: &str, lines: &mut mpsc::UnboundedReceiver<String>) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "l" => self.list().await,
            "a" => self.approve(lines).await,
            "d" => self.deny(rest.trim()).await,
            number => match number.parse::<usize>() {
                Ok(number) => self.show(number).await,
                Err(_) => self.out.text(HELP),
            },
        }
    }

    async fn list(&self) {
        let mut waiting: Vec<_> = self.known.iter().map(|(id, (number, _))| (*number, id)).collect();
        waiting.sort_unstable();
        if waiting.is_empty() {
            self.out.text("nothing waits");
        }
        for (number, id) in waiting {
            if let Ok(Some(approval)) = self.parts.ledger.approval(id).await {
                self.out.text(&line(number, &approval));
            }
        }
    }

    async fn show(&mut self, number: usize) {
        let id = self.known.iter().find(|(_, (known, _))| *known == number).map(|(id, _)| id.clone());
        let approval = match &id {
            Some(id) => self.parts.ledger.approval(id).await.ok().flatten(),
            None => None,
        };
        let Some(approval) = approval else { return self.out.text(&format!("nothing of number {number} waits")) };
        self.out.text(&described(&approval, &explained(&self.parts, &approval)));
        self.out.text("a approves exactly this, d denies it");
        self.shown = id;
    }

    async fn approve(&mut self, lines: &mut mpsc::UnboundedReceiver<String>) {
        let Some(id) = self.shown.clone() else { return self.out.text(FIRST) };
        self.out.text("your code, to send exactly what is shown (an empty line to go back):");
        let typed = lines.recv().await.unwrap_or_default();
        if typed.trim().is_empty() {
            return self.out.text("not approved; it waits on");
        }
        let approved = match Code::parse(&typed) {
            Ok(code) => {
                let shown = Presented::Code(&self.person, &code);
                self.gateway.approve(&id, &shown).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match approved {
            Ok(Said::Sent(_)) => self.shown = None,
            Ok(Said::OneMore(approval)) => {
                self.out.text(&format!("your yes is recorded; nothing was sent\n{}", yeses(&approval)));
                self.shown = None;
            }
            Err(error) => self.out.text(&visible(&error)),
        }
    }

    async fn deny(&mut self, note: &str) {
        let Some(id) = self.shown.clone() else { return self.out.text(FIRST) };
        match self.gateway.deny(&id, (!note.is_empty()).then(|| note.to_owned())).await {
            Ok(()) => self.shown = None,
            Err(error) => self.out.text(&visible(&error.to_string())),
        }
    }
}

const FIRST: &str = "type a number first, to see what you decide about";

fn line(number: usize, approval: &Approval) -> String {
    format!(
        "[{number}] {}\n    {}, asked by {}, until {}",
        approval.summary,
        approval.tool,
        visible(&approval.caller),
        rfc3339(approval.expires_at)
    )
}

/// How it stands, with what came of it.
fn status(approval: &Approval) -> String {
    match (&approval.outcome, approval.status) {
        (Some((outcome, _)), _) => format!("approved and sent, {}", outcome.as_str()),
        (None, ApprovalStatus::Approved) => "approved, being sent".to_owned(),
        (None, status) => status.to_string(),
    }
}

/// Lines of standard input, read where that may block.
fn typed() -> Result<mpsc::UnboundedReceiver<String>, Failure> {
    let (sender, lines) = mpsc::unbounded_channel();
    let read = move || {
        for line in std::io::stdin().lines() {
            if line.is_ok_and(|line| sender.send(line).is_ok()) {
                continue;
            }
            return;
        }
    };
    std::thread::Builder::new().name("typed".to_owned()).spawn(read)?;
    Ok(lines)
}
