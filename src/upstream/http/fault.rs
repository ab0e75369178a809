//! Why there is no answer, in our own words: what the client's errors print may hold addresses and URLs.

use std::error::Error;

use super::resolve::Refused;
use crate::{account::Origin, trust::Distrust};

/// Why there is no answer. The first kind is certain, the second is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No byte of the request was written.
    NotSent(NotSent),
    /// The request may have arrived.
    Lost(Lost),
}

/// Why nothing was sent; the text continues the service's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The request's origin is not the credential's.
    #[error("is not where this credential may be sent")]
    Misdirected,
    /// Its name leads to a private or reserved address.
    #[error("is at a private or reserved address, which this account does not allow")]
    Refused,
    /// Its name leads nowhere.
    #[error("could not be found: its name does not resolve")]
    NotFound,
    /// Nobody answers there.
    #[error("could not be reached")]
    Unreachable,
    /// It could not prove who it is.
    #[error("could not prove its identity: {0}")]
    Untrusted(Distrust),
    /// The client would not take the request.
    #[error("was not asked: the request cannot be sent as it is")]
    Unsendable,
}

impl NotSent {
    /// The same of the server at this origin, which is named where somebody else may be there.
    pub fn at(self, origin: &Origin) -> String {
        match self {
            Self::Untrusted(distrust) => {
                let host = origin.as_str().trim_start_matches("https://");
                format!("could not prove its identity as `{host}`: {distrust}")
            }
            Self::Misdirected | Self::Refused | Self::NotFound | Self::Unreachable | Self::Unsendable => {
                self.to_string()
            }
        }
    }

    /// Can it be otherwise a moment later?
    pub fn may_pass(self) -> bool {
        match self {
            Self::NotFound | Self::Unreachable => true,
            Self::Misdirected | Self::Refused | Self::Untrusted(_) | Self::Unsendable => false,
        }
    }
}

/// How an answer was lost after the request may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It took too long.
    Timeout,
    /// The connection broke, or what came was not HTTP.
    Cut,
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::NotSent(NotSent::Unsendable);
        }
        if !error.is_connect() {
            return Self::Lost(Lost::Cut);
        }
        let reason = if chain(&error).any(<dyn Error>::is::<Refused>) {
            NotSent::Refused
        } else if let Some(distrust) = Distrust::of(&error) {
            NotSent::Untrusted(distrust)
        } else if error.is_dns() {
            NotSent::NotFound
        } else {
            NotSent::Unreachable
        };
        Self::NotSent(reason)
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}
