//! What we asked the client and have no answer to. Nobody else's answer reaches rmcp.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::MAX_FLIGHTS;
use crate::mcp::frame::RequestId;

/// The questions that wait for an answer. There is at most one for each request in flight; one that nobody waits for any
/// more may still be answered, which is why the oldest make room.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<BTreeSet<RequestId>>);

impl Questions {
    /// A question is about to be written.
    pub(super) fn asked(&self, id: RequestId) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() >= MAX_FLIGHTS {
            open.pop_first();
        }
        open.insert(id);
    }

    /// An answer came. Says whether it is one to a question of ours, which has one then.
    pub(super) fn answered(&self, id: &RequestId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t016_an_answer_counts_once_and_only_to_a_question() {
        let questions = Questions::default();
        assert!(!questions.answered(&RequestId::Number(1)));
        questions.asked(RequestId::Number(1));
        assert!(!questions.answered(&RequestId::Text("1".to_owned())));
        assert!(questions.answered(&RequestId::Number(1)));
        assert!(!questions.answered(&RequestId::Number(1)));
        for id in 0..1_000 {
            questions.asked(RequestId::Number(id));
        }
        assert!(!questions.answered(&RequestId::Number(0)));
        assert!(questions.answered(&RequestId::Number(999)));
    }
}
