//! What waits, and what was decided lately.

use super::{
    approval::{current_tool, often},
    cell::Cell,
    headline::oddities,
    outcome::words,
    when::When,
};
use crate::{
    clock::Millis,
    gateway::headline_text,
    ledger::{Approval, ApprovalStatus, Lately, Told, together},
    snapshot::Snapshot,
};

/// The inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Inbox {
    /// What waits, oldest first; what is alike stands together.
    pub(in crate::web) waiting: Vec<Fold>,
    /// What nobody decided in time, newest first.
    pub(in crate::web) missed: Vec<Missed>,
    /// What was decided, newest first.
    pub(in crate::web) decided: Vec<Item>,
    /// So many of the last answers in a row were a yes that came too quickly to have been read.
    pub(in crate::web) hasty: Option<usize>,
}

/// Waiting calls of one tool, by one caller, with one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Fold {
    /// Oldest first; never empty.
    pub(in crate::web) items: Vec<Item>,
    /// Where they can be decided on one page: `apr_…` of the first that can.
    pub(in crate::web) together: Option<String>,
}

/// What nobody decided in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Missed {
    /// What it was.
    pub(in crate::web) item: Item,
    /// Whether a person was told while it waited.
    pub(in crate::web) person: &'static str,
    /// What the agent knows of it.
    pub(in crate::web) agent: &'static str,
}

/// One approval in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Item {
    /// `apr_…`
    pub(in crate::web) id: String,
    /// What happens, where that is known in words; else title and arguments.
    pub(in crate::web) what: Cell,
    /// Title and arguments where they are not that, shortened: the page has them whole.
    pub(in crate::web) summary: Option<Cell>,
    /// What is odd about the values in that.
    pub(in crate::web) oddities: Vec<String>,
    /// The tool's policy name.
    pub(in crate::web) tool: String,
    /// The effect, while the request is kept.
    pub(in crate::web) effect: Option<&'static str>,
    /// The account's name and environment, while the request is kept.
    pub(in crate::web) account: Option<(Cell, &'static str)>,
    /// Who asked.
    pub(in crate::web) asker: Cell,
    /// When it was asked.
    pub(in crate::web) asked: When,
    /// When it stops waiting.
    pub(in crate::web) expires: When,
    /// How often the like was asked lately, while it waits.
    pub(in crate::web) lately: Option<String>,
    /// Is it being sent?
    pub(in crate::web) sending: bool,
    /// How it ended.
    pub(in crate::web) status: &'static str,
    /// The class of the end in the style sheet.
    pub(in crate::web) class: &'static str,
}

impl Inbox {
    /// Both lists, in the given orders.
    pub(in crate::web) fn new(
        waiting: &[(Approval, Lately)],
        missed: &[(Approval, Told)],
        decided: &[Approval],
        snapshot: &Snapshot,
        now: Millis,
    ) -> Self {
        let item = |approval: &Approval| Item::new(approval, snapshot, now);
        Self {
            waiting: folds(waiting, item),
            missed: missed.iter().map(|(approval, told)| Missed::new(approval, *told, item)).collect(),
            decided: decided.iter().map(item).collect(),
            hasty: hasty(decided),
        }
    }
}

impl Fold {
    /// From so many on they are one line, which opens.
    const FLOOD: usize = 4;

    /// Are they so many that they would hide what else waits?
    pub(in crate::web) fn is_flood(&self) -> bool {
        self.items.len() >= Self::FLOOD
    }

    /// The oldest.
    pub(in crate::web) fn first(&self) -> Option<&Item> {
        self.items.first()
    }
}

/// In the order of the oldest of each.
fn folds(waiting: &[(Approval, Lately)], as_item: impl Fn(&Approval) -> Item) -> Vec<Fold> {
    fn alike(approval: &Approval) -> (&str, &str, Option<&str>) {
        (&approval.tool, &approval.caller, approval.plan.as_ref().map(|plan| plan.account_id()))
    }
    let mut groups: Vec<Vec<&(Approval, Lately)>> = Vec::new();
    for one in waiting {
        let is_like =
            |group: &Vec<&(Approval, Lately)>| group.first().is_some_and(|first| alike(&first.0) == alike(&one.0));
        match groups.iter_mut().find(|group| is_like(group)) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let fold = |group: Vec<&(Approval, Lately)>| {
        let mut decidable = group.iter().filter(|(approval, _)| together(std::slice::from_ref(approval)));
        let first = decidable.next().map(|(approval, _)| approval.id.clone());
        let item = |(approval, lately): &(Approval, Lately)| Item { lately: Some(often(*lately)), ..as_item(approval) };
        Fold {
            items: group.iter().copied().map(item).collect(),
            together: first.filter(|_| decidable.next().is_some()),
        }
    };
    groups.into_iter().map(fold).collect()
}

/// How many of the last answers in a row were a very quick yes, where they are so many that it is a habit.
fn hasty(decided: &[Approval]) -> Option<usize> {
    const QUICK: Millis = 5_000;
    const A_HABIT: usize = 5;
    let answers = decided.iter().filter_map(|approval| {
        let decision =
            approval.decision.as_ref().filter(|decision| !decision.by_policy && decision.cancelled_by.is_none())?;
        Some(decision.status == ApprovalStatus::Approved && decision.at.saturating_sub(approval.created_at) < QUICK)
    });
    Some(answers.take_while(|quick| *quick).count()).filter(|quick| *quick >= A_HABIT)
}

impl Missed {
    fn new(approval: &Approval, told: Told, as_item: impl Fn(&Approval) -> Item) -> Self {
        let person = match told {
            Told::Nobody => "No channel told you of it.",
            Told::Soon | Told::Undelivered => "No message about it was delivered.",
            Told::Somebody => "A message about it was delivered.",
        };
        let agent = if approval.delivered {
            "The agent was told that nobody decided in time and that nothing was sent."
        } else {
            "The agent has not asked since; then it is told that nobody decided in time and that nothing was sent."
        };
        Self { item: as_item(approval), person, agent }
    }
}

impl Item {
    fn new(approval: &Approval, snapshot: &Snapshot, now: Millis) -> Self {
        let (status, _, class) = words(approval);
        let plan = approval.plan.as_deref();
        let findings = approval.findings.as_ref();
        let explained = plan.and_then(|plan| Some((current_tool(plan, snapshot)?, plan)));
        let headline = explained.and_then(|(tool, plan)| headline_text(tool, plan, findings));
        Self {
            id: approval.id.clone(),
            what: Cell::of_visible(headline.as_deref().unwrap_or(&approval.summary)),
            summary: headline.is_some().then(|| Cell::of_visible(&approval.summary)),
            oddities: explained.map(|(tool, plan)| oddities(tool, plan, findings)).unwrap_or_default(),
            tool: approval.tool.clone(),
            effect: plan.map(|plan| plan.effect().as_str()),
            account: plan.map(|plan| (Cell::line(plan.account()), plan.environment().as_str())),
            asker: Cell::line(&approval.caller),
            asked: When::new(approval.created_at, now),
            expires: When::new(approval.expires_at, now),
            lately: None,
            sending: approval.status == ApprovalStatus::Approved,
            status,
            class,
        }
    }
}
