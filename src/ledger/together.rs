//! Which approvals may be decided with one yes: a few writes of one tool, one account and one caller. What is destructive is
//! read and decided alone.

use super::{Approval, ApprovalStatus};
use crate::{catalog::Effect, plan::Plan};

/// How many at most: what a person still reads.
pub const MOST_TOGETHER: usize = 5;

/// May all of these be decided with one yes?
pub fn together(approvals: &[Approval]) -> bool {
    let Some(first) = approvals.first() else { return false };
    let of = |approval: &Approval| {
        approval.plan.as_deref().filter(|plan| plan.effect() == Effect::Write).map(Plan::account_id).map(str::to_owned)
    };
    let alike = |one: &Approval| {
        one.status == ApprovalStatus::Pending
            && of(one).is_some()
            && (&one.tool, &one.caller, of(one)) == (&first.tool, &first.caller, of(first))
    };
    approvals.len() <= MOST_TOGETHER && approvals.iter().all(alike)
}
