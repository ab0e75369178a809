//! Whom a mail would go to for the first time: for each recipient one search of what the account has sent, under the same
//! rules as any read. A look that fails says so; it never passes for "never written to".

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Gateway, Parts, previewing::Scope};
use crate::{
    catalog::{
        Tool,
        ask::{Preview, shown_at},
        mail::Mailbox,
    },
    findings::{Fact, Found, Holds, Meaning},
    plan::{Plan, Request},
    snapshot::Snapshot,
};

/// So many recipients are looked up: an approver waits for each.
const MOST: usize = 10;

impl Gateway {
    /// A preview that is made once for each recipient of the plan's mail. Nothing where there is no mail.
    pub(super) async fn contacts(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        snapshot: &Snapshot,
        tool: &Tool,
        preview: &Preview,
        plan: &Plan,
        deadline: Instant,
    ) -> Option<Found> {
        let recipients = recipients(tool, plan)?;
        let show = preview.show.first()?;
        let (mut facts, mut problems) = (Vec::new(), Vec::new());
        for (index, address) in recipients.iter().enumerate() {
            let known = if index < MOST {
                let scope = Scope::of_recipient(plan, address);
                let read = tokio::time::timeout_at(deadline, self.read(parts, snapshot, preview, &scope)).await;
                let read = read.unwrap_or_else(|_| Err("the service did not answer in time".to_owned()));
                read.map(|answer| shown_at(&answer, &show.field).is_some_and(|found| !is_nothing(&found)))
            } else {
                Err(format!("only the first {MOST} recipients are looked up"))
            };
            let value = match known {
                Ok(known) => json!(known),
                Err(problem) => {
                    problems.push(problem);
                    Value::Null
                }
            };
            facts.push(Fact {
                label: format!("{} {address}", show.label),
                value,
                meaning: Meaning::SentBefore(address.clone()),
                then: None,
                // an answer of theirs, or the very mail of another approval, changes nothing about this one
                holds: Holds::Told,
            });
        }
        match problems.into_iter().next() {
            Some(problem) if facts.iter().all(|fact| fact.value.is_null()) => Some(Found::Problem(problem)),
            Some(_) | None => Some(Found::facts(facts, Value::Null)),
        }
    }
}

/// All addresses that the mail goes to, each once.
fn recipients(tool: &Tool, plan: &Plan) -> Option<Vec<String>> {
    let Request::Http(request) = plan.request() else { return None };
    let letter = tool.letter(request)?;
    let all = letter.to.iter().chain(&letter.cc).chain(&letter.bcc);
    let mut seen = BTreeSet::new();
    Some(all.map(Mailbox::compared).filter(|address| seen.insert(address.clone())).collect())
}

fn is_nothing(found: &Value) -> bool {
    match found {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
