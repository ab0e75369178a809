//! What it takes to say yes, who has said it, and how this person can.

use super::{When, grant::GrantView};
use crate::{
    approval::{Passkey, PersonId, Strength},
    clock::Millis,
    ledger::Approval,
    policy::{Evaluation, Requirement},
};

/// The part of the page in which a human decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Decide {
    /// `apr_…`
    pub(in crate::web) id: String,
    /// The token of its forms.
    pub(in crate::web) csrf: String,
    /// How many people have to say yes.
    pub(in crate::web) people: u8,
    /// Who has, and when.
    pub(in crate::web) said: Vec<(String, When)>,
    /// Who said yes to facts that have changed since, which counts no more.
    pub(in crate::web) lapsed: Vec<String>,
    /// Has the person who looks?
    pub(in crate::web) mine: bool,
    /// By when the last yes has to come, where a rule says so.
    pub(in crate::web) by: Option<When>,
    /// Does a code do?
    pub(in crate::web) code: bool,
    /// Does a passkey?
    pub(in crate::web) passkey: ByPasskey,
    /// The standing permission that can be given with it.
    pub(in crate::web) grant: Option<GrantView>,
}

/// Can this person use a passkey on this page?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum ByPasskey {
    /// They have none.
    None,
    /// Under another address, and there the page is at this one.
    Elsewhere(String),
    /// Yes.
    Here,
}

impl ByPasskey {
    /// With these passkeys, on a page that is at `here` of a site that is at `origin`. `path` is the page.
    pub(in crate::web) fn new(passkeys: &[Passkey], here: Option<&str>, origin: &str, path: &str) -> Self {
        if !passkeys.iter().any(|passkey| passkey.origin == origin) {
            return Self::None;
        }
        if here == Some(origin) { Self::Here } else { Self::Elsewhere(format!("{origin}{path}")) }
    }

    pub(in crate::web) fn is_none(&self) -> bool {
        *self == Self::None
    }

    pub(in crate::web) fn is_here(&self) -> bool {
        *self == Self::Here
    }

    /// Where the page would have to be.
    pub(in crate::web) fn elsewhere(&self) -> Option<&str> {
        match self {
            Self::Elsewhere(url) => Some(url),
            Self::None | Self::Here => None,
        }
    }
}

impl Decide {
    /// For a person who looks at `approval`.
    pub(in crate::web) fn new(
        approval: &Approval,
        judgement: Option<&Evaluation>,
        person: &PersonId,
        passkey: ByPasskey,
        csrf: String,
        now: Millis,
    ) -> Self {
        let requirement: Requirement = approval.requirement(judgement);
        let said = approval.approved_by(&requirement);
        let by = requirement.answer_within.map(|within| approval.created_at.saturating_add(within));
        Self {
            id: approval.id.clone(),
            csrf,
            people: requirement.approvers,
            mine: said.iter().any(|yes| yes.person == *person),
            said: said.iter().map(|yes| (yes.name.clone(), When::new(yes.at, now))).collect(),
            lapsed: approval.lapsed().map(|yes| yes.name.clone()).collect(),
            // where it is what it expires by anyway, the page says that already
            by: by.filter(|by| *by < approval.expires_at).map(|by| When::new(by, now)),
            code: requirement.approve == Strength::Any,
            passkey,
            grant: GrantView::new(approval, judgement),
        }
    }

    fn is_last(&self) -> bool {
        self.said.len().saturating_add(1) >= usize::from(self.people)
    }

    /// What the button says.
    pub(in crate::web) fn verb(&self) -> &'static str {
        if self.is_last() { "Approve and send" } else { "Say yes" }
    }

    /// What it does.
    pub(in crate::web) fn consequence(&self) -> &'static str {
        if self.is_last() {
            "Approving sends exactly this request, once, at once."
        } else {
            "Your yes is recorded. The request is sent when the last yes that it takes is there."
        }
    }
}
