//! Work on several things at once, for those that know nothing of each other: manifests.

use std::{
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Does `work` for each of `items`, once, on as many threads as there are processors, this one among them. A thread that
/// the system refuses to start leaves its part to the others.
pub(super) fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let take = || items.get(next.fetch_add(1, Ordering::Relaxed));
    let run = || {
        while let Some(item) = take() {
            work(item);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            let started = thread::Builder::new().spawn_scoped(scope, run);
            if started.is_err() {
                break;
            }
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn each_thing_is_worked_on_once() {
        for count in [0, 1, 2, 50] {
            let items: Vec<_> = (0..count).map(|_| AtomicU32::new(0)).collect();
            each(&items, |item| item.store(item.load(Ordering::Relaxed) + 1, Ordering::Relaxed));
            assert!(items.iter().all(|item| item.load(Ordering::Relaxed) == 1), "{items:?}");
        }
    }
}
