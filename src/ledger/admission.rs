//! What a call's situation leads to. Pure: the transaction looks the situation up, this says what follows.

use super::ApprovalStatus;
use crate::{
    clock::{Millis, Now},
    policy::Decision,
};

/// The newest approval of the same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its status, expiry taken into account.
    pub status: ApprovalStatus,
    /// When its waiting ends, milliseconds since the Unix epoch.
    pub expires_at: Millis,
    /// When it ran, where it did.
    pub executed_at: Option<Millis>,
    /// Has its outcome been given to the caller?
    pub delivered: bool,
    /// Has a human lifted its denial?
    pub reopened: bool,
}

/// Everything that admission depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// Has a human locked everything?
    pub locked: bool,
    /// What the policy says now, what is used of its limits taken into account.
    pub decision: Decision,
    /// The newest approval of the same call, if there is one.
    pub standing: Option<Standing>,
    /// Approvals of this caller that wait.
    pub pending: u32,
    /// How many may.
    pub max_pending: u32,
    /// Approvals that this caller asked for in the last hour.
    pub asked: u32,
    /// How many it may.
    pub hourly: u32,
    /// Is a factor enrolled?
    pub can_approve: bool,
    /// Now.
    pub now: Now,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Record it and send it.
    Run,
    /// Record it and wait for a human.
    Ask,
    /// The standing approval waits or is being sent: point to it.
    Point,
    /// The standing approval has run: give its outcome, once.
    Deliver,
    /// The policy denies it.
    DenyByPolicy,
    /// A human denied it, and that stands.
    DenyByHuman,
    /// Too many wait.
    Limit,
    /// Too many were asked for in an hour.
    HourlyLimit,
    /// A human locked everything.
    Locked,
    /// It would have to wait for a human who has no factor.
    NoFactor,
}

/// How long an outcome waits for the repeat that fetches it.
const OUTCOME_WAITS: Millis = 24 * 60 * 60 * 1000;

/// What follows from a situation. A denial by the policy comes before everything that would still have an effect; an
/// approval that stands comes before asking or running again, so that one permission is one request.
pub fn admission(situation: &Situation) -> Verdict {
    let now = situation.now;
    if situation.locked {
        return Verdict::Locked;
    }
    if let Some(standing) = &situation.standing {
        match standing.status {
            // what runs, runs: a repeat changes nothing and only learns of it
            ApprovalStatus::Approved => return Verdict::Point,
            ApprovalStatus::Executed => {
                let recent = standing.executed_at.is_some_and(|at| now.wall.saturating_sub(at) < OUTCOME_WAITS);
                if recent && !standing.delivered {
                    return Verdict::Deliver;
                }
            }
            ApprovalStatus::Pending if situation.decision != Decision::Deny => return Verdict::Point,
            ApprovalStatus::Denied
                if situation.decision != Decision::Deny && !standing.reopened && now.wall < standing.expires_at =>
            {
                return Verdict::DenyByHuman;
            }
            ApprovalStatus::Pending | ApprovalStatus::Denied | ApprovalStatus::Expired | ApprovalStatus::Cancelled => {}
        }
    }
    match situation.decision {
        Decision::Deny => Verdict::DenyByPolicy,
        Decision::Allow => Verdict::Run,
        Decision::Ask if !situation.can_approve => Verdict::NoFactor,
        Decision::Ask if situation.pending >= situation.max_pending => Verdict::Limit,
        Decision::Ask if situation.asked >= situation.hourly => Verdict::HourlyLimit,
        Decision::Ask => Verdict::Ask,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STATUSES: [ApprovalStatus; 6] = [
        ApprovalStatus::Pending,
        ApprovalStatus::Approved,
        ApprovalStatus::Executed,
        ApprovalStatus::Denied,
        ApprovalStatus::Expired,
        ApprovalStatus::Cancelled,
    ];

    fn situations() -> impl Strategy<Value = Situation> {
        let standing = (0..6_usize, -10..10_i64, prop::option::of(-10..10_i64), any::<bool>(), any::<bool>()).prop_map(
            |(status, expires, executed, delivered, reopened)| Standing {
                status: STATUSES[status],
                expires_at: expires * 3_600_000,
                executed_at: executed.map(|hours| hours * 3_600_000),
                delivered,
                reopened,
            },
        );
        (0..3_usize, prop::option::of(standing), 0..8_u32, 0..40_u32, any::<bool>(), any::<bool>()).prop_map(
            |(decision, standing, pending, asked, can_approve, locked)| Situation {
                locked,
                asked,
                hourly: 30,
                decision: [Decision::Allow, Decision::Ask, Decision::Deny][decision],
                standing,
                pending,
                max_pending: 5,
                can_approve,
                now: Now { wall: 0, boot: 0, boot_id: 1 },
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_runs_that_the_policy_does_not_allow(situation in situations()) {
            if admission(&situation) == Verdict::Run {
                prop_assert_eq!(situation.decision, Decision::Allow);
            }
        }

        #[test]
        fn nothing_runs_or_asks_beside_an_approval_that_is_open(situation in situations()) {
            let open = situation.standing.is_some_and(|standing| {
                matches!(standing.status, ApprovalStatus::Pending | ApprovalStatus::Approved)
            });
            if open {
                prop_assert!(!matches!(admission(&situation), Verdict::Run | Verdict::Ask));
            }
        }

        #[test]
        fn a_denial_by_the_policy_never_becomes_a_question(situation in situations()) {
            if situation.decision == Decision::Deny {
                prop_assert!(matches!(
                    admission(&situation),
                    Verdict::DenyByPolicy | Verdict::Point | Verdict::Deliver | Verdict::Locked
                ));
            }
        }
    }

    proptest! {
        #[test]
        fn where_all_is_locked_nothing_runs_asks_or_is_given_out(situation in situations()) {
            if situation.locked {
                prop_assert_eq!(admission(&situation), Verdict::Locked);
            }
        }

        #[test]
        fn t119_nothing_asks_over_either_cap(situation in situations()) {
            if situation.pending >= situation.max_pending || situation.asked >= situation.hourly {
                prop_assert_ne!(admission(&situation), Verdict::Ask);
            }
        }
    }

    #[test]
    fn t118_a_humans_no_stands_until_the_approval_would_have_expired() {
        let standing = Standing {
            status: ApprovalStatus::Denied,
            expires_at: 1_000,
            executed_at: None,
            delivered: false,
            reopened: false,
        };
        let at = |wall, standing| {
            admission(&Situation {
                decision: Decision::Ask,
                standing: Some(standing),
                pending: 0,
                max_pending: 5,
                asked: 0,
                hourly: 30,
                locked: false,
                can_approve: true,
                now: Now { wall, boot: wall, boot_id: 1 },
            })
        };
        assert_eq!(at(999, standing), Verdict::DenyByHuman);
        assert_eq!(at(1_000, standing), Verdict::Ask);
        assert_eq!(at(999, Standing { reopened: true, ..standing }), Verdict::Ask);
    }
}
