//! How long we wait for a vendor: reads are repeated with growing pauses, and where a vendor asks to wait we do.
//!
//! INVARIANT: nothing but a read is ever repeated.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::http::{Answer, BodyFault, Fault, Limits, Lost};

/// How often a read is repeated at most.
const AGAIN: u32 = 2;
/// The longest pause that we choose ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What a further attempt needs to have a chance before the deadline.
const WORTH_TRYING: Duration = Duration::from_secs(1);
/// A rest that a vendor asks for is believed up to here: GitHub's hourly limits are the longest that are known.
const LONGEST_REST: Duration = Duration::from_hours(1);

/// Who was asked to wait: an account's id, and the tool. Vendors count in groups of their own that no header names
/// beforehand, so one exhausted tool does not hold up another.
type Who = (String, String);

/// The rests that vendors asked for.
#[derive(Debug, Default)]
pub(super) struct Rests(Mutex<BTreeMap<Who, Instant>>);

impl Rests {
    /// How long `who` has to wait before the next request.
    pub(super) fn left(&self, who: &Who) -> Option<Duration> {
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        rests.retain(|_, until| *until > now);
        rests.get(who).map(|until| *until - now)
    }

    /// Keeps what an answer asks for.
    pub(super) fn note(&self, who: &Who, answer: &Result<Answer, Fault>) {
        let Ok(Answer { status: 400 | 403 | 429 | 503, retry_after: Some(seconds), .. }) = answer else { return };
        let rest = Duration::from_secs(*seconds).min(LONGEST_REST);
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rests.insert(who.clone(), Instant::now() + rest);
    }
}

/// The pause before a read is sent again; `None` where repeating it would not help or the deadline would pass.
/// `attempt` counts from 0.
pub(super) fn pause(answer: &Result<Answer, Fault>, attempt: u32, limits: &Limits, left: Duration) -> Option<Duration> {
    if attempt >= AGAIN || !may_help(answer) {
        return None;
    }
    let chosen = (limits.backoff * 2_u32.pow(attempt)).min(LONGEST_PAUSE);
    let asked = match answer {
        Ok(answer) => Duration::from_secs(answer.retry_after.unwrap_or(0)),
        Err(_) => Duration::ZERO,
    };
    let pause = asked.max(chosen / 2 + jitter(chosen / 2));
    (pause + WORTH_TRYING.min(limits.read / 4) < left).then_some(pause)
}

fn may_help(answer: &Result<Answer, Fault>) -> bool {
    let answer = match answer {
        Ok(answer) => answer,
        Err(Fault::NotSent(reason)) => return reason.may_pass(),
        Err(Fault::Lost(Lost::Cut)) => return true,
        // the time that it had is gone
        Err(Fault::Lost(Lost::Timeout)) => return false,
    };
    match answer.status {
        200..=399 => matches!(answer.body, Err(BodyFault::Lost(Lost::Cut))),
        _ if answer.may_retry.is_some() => answer.may_retry == Some(true),
        429 | 500 | 502 | 503 | 504 => true,
        // GitHub's and Linear's way to say 429
        400 | 403 => answer.retry_after.is_some(),
        _ => matches!(answer.body, Err(BodyFault::Lost(Lost::Cut))),
    }
}

/// Somewhere between nothing and `most`, so that those who were turned away together do not come back together.
fn jitter(most: Duration) -> Duration {
    let mut random = [0_u8; 2];
    // without randomness all wait equally long, which is worse and not wrong
    let share = if getrandom::fill(&mut random).is_ok() { u16::from_le_bytes(random) } else { u16::MAX };
    most * u32::from(share) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::http::NotSent, *};

    const LIMITS: Limits = Limits::DEFAULT;
    const LEFT: Duration = Duration::from_secs(30);

    fn plain(status: u16) -> Answer {
        Answer { status, content_type: None, retry_after: None, may_retry: None, link: None, body: Ok(Vec::new()) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "what is asked is a result")]
    fn answer(status: u16, retry_after: Option<u64>, may_retry: Option<bool>) -> Result<Answer, Fault> {
        Ok(Answer { retry_after, may_retry, ..plain(status) })
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        for (status, retry_after, said, again) in [
            (200, None, None, false),
            (404, None, None, false),
            (403, None, None, false),
            (403, Some(1), None, true),
            (429, None, None, true),
            (500, None, None, true),
            (501, None, None, false),
            (503, None, None, true),
            (503, None, Some(false), false),
            (409, None, Some(true), true),
            (302, None, None, false),
            (200, None, Some(true), false),
            (400, None, None, false),
            (400, Some(1), None, true),
        ] {
            let pause = pause(&answer(status, retry_after, said), 0, &LIMITS, LEFT);
            assert_eq!(pause.is_some(), again, "{status} {retry_after:?} {said:?}");
        }
        assert!(pause(&Err(Fault::Lost(Lost::Cut)), 0, &LIMITS, LEFT).is_some());
        assert!(pause(&Err(Fault::Lost(Lost::Timeout)), 0, &LIMITS, LEFT).is_none());
        assert!(pause(&Err(Fault::NotSent(NotSent::Refused)), 0, &LIMITS, LEFT).is_none());
        let cut = Ok(Answer { body: Err(BodyFault::Lost(Lost::Cut)), ..plain(200) });
        assert!(pause(&cut, 0, &LIMITS, LEFT).is_some());
    }

    #[test]
    fn pauses_grow_and_end() {
        let busy = answer(503, None, None);
        let (half, full) = (LIMITS.backoff / 2, LIMITS.backoff);
        for _ in 0..50 {
            let (first, second) = (pause(&busy, 0, &LIMITS, LEFT).unwrap(), pause(&busy, 1, &LIMITS, LEFT).unwrap());
            assert!((half..=full).contains(&first), "{first:?}");
            assert!((full..=full * 2).contains(&second), "{second:?}");
        }
        assert_eq!(pause(&busy, AGAIN, &LIMITS, LEFT), None);
        assert_eq!(pause(&busy, 0, &LIMITS, Duration::from_millis(900)), None, "too late");
    }

    #[test]
    fn what_a_vendor_asks_for_is_waited_for_if_there_is_time() {
        assert_eq!(pause(&answer(429, Some(7), None), 0, &LIMITS, LEFT), Some(Duration::from_secs(7)));
        assert_eq!(pause(&answer(429, Some(40), None), 0, &LIMITS, LEFT), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_kept_for_its_account_and_tool_until_it_is_over() {
        let rests = Rests::default();
        let who = ("acc_1".to_owned(), "stripe.list".to_owned());
        rests.note(&who, &answer(200, Some(5), None));
        assert_eq!(rests.left(&who), None);
        rests.note(&who, &answer(429, Some(5), None));
        assert_eq!(rests.left(&who), Some(Duration::from_secs(5)));
        assert_eq!(rests.left(&("acc_2".to_owned(), who.1.clone())), None);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(rests.left(&who), None);
        rests.note(&who, &answer(429, Some(u64::MAX), None));
        assert_eq!(rests.left(&who), Some(LONGEST_REST));
    }
}
