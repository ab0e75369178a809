//! The product as a whole: the real program over real stdio, real clients, real stand-ins. One binary, one file for
//! each subject; a file that is not named here fails `hygiene`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod agents;
mod attacks;
mod browser;
mod channels;
mod cli;
mod crash;
mod databases;
mod demo;
mod doctor;
mod documents;
mod elicitation;
mod enrolment;
mod facts;
mod foreseen;
mod github;
mod gmail;
mod harness;
mod host;
mod hygiene;
mod integrations;
mod judge;
mod keyring;
mod linear;
mod manners;
mod npm;
mod oauth;
mod own;
mod passkey;
mod previews;
mod processes;
mod race;
mod refund_desk;
mod serve;
mod servers;
mod site;
mod slack;
mod socket;
mod sql_differential;
mod standing;
mod stdio;
mod stripe;
mod takeover;
mod tls;
