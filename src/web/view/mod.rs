//! What pages show, as plain text in plain structs; the templates only lay it out.
//!
//! INVARIANT: a value that somebody else chose is a [`Cell`] and nothing else. Two different requests never give the same
//! material block: every leaf of the arguments has its own row, under its full path, whole.

mod accounts;
mod agents;
mod approval;
mod cell;
mod decide;
mod domains;
mod fields;
mod findings;
mod grant;
mod headline;
mod inbox;
mod json;
mod letters;
mod links;
mod log;
mod mail;
mod outcome;
mod person;
mod policy;
mod proposal;
mod qr;
mod request;
mod rows;
mod statement;
mod when;

pub(super) use self::{
    accounts::{AccountView, BackView, OfferView},
    agents::AgentView,
    approval::{ApprovalView, Surroundings},
    cell::Cell,
    decide::{ByPasskey, Decide},
    headline::HeadlineWord,
    inbox::Inbox,
    log::{A_DAY, Day, LogLine, Names, RecordView, days},
    outcome::Standing,
    person::{PersonView, factor_kind},
    policy::{AccountLines, ExplainedView, SourceLine, by_account, edits, source},
    proposal::ProposalView,
    qr::QrImage,
    rows::Shown,
    when::When,
};
