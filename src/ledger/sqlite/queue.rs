//! Whose turn it is at the file: one after the other, in the order in which they asked.
//!
//! SQLite lets one write at a time, and who comes meanwhile sleeps and tries again, in no order. Many calls at once would each
//! hold a thread while they do, and each thread memory of its own. Here they wait as what they are, a piece of work.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A piece of work. One kind for all there is: the runtime's code for a task is made for each kind anew.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// What waits for its turn.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    work: VecDeque<Work>,
    /// Is there a thread that does it?
    has_worker: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queue").field("waiting", &self.lock().work.len()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Does `work` when all that was asked for before is done, on a blocking thread, whether or not anybody waits for it. What
    /// panics ends nothing but itself.
    pub(super) fn push(self: &Arc<Self>, work: Work) {
        {
            let mut waiting = self.lock();
            waiting.work.push_back(work);
            if std::mem::replace(&mut waiting.has_worker, true) {
                return;
            }
        }
        let worker = Worker { queue: Arc::clone(self), is_needed: true };
        drop(tokio::task::spawn_blocking(move || worker.work()));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one thread at the file. It goes when nothing waits.
struct Worker {
    queue: Arc<Queue>,
    is_needed: bool,
}

impl Worker {
    fn work(mut self) {
        while let Some(work) = self.next() {
            // its caller hears that nothing will come; the next one's turn comes all the same
            drop(catch_unwind(AssertUnwindSafe(work)));
        }
    }

    fn next(&mut self) -> Option<Work> {
        let mut waiting = self.queue.lock();
        let work = waiting.work.pop_front();
        self.is_needed = work.is_some();
        waiting.has_worker = self.is_needed;
        work
    }
}

impl Drop for Worker {
    /// A runtime that ends before the thread has begun leaves nobody who would do what waits: who asked must hear it.
    fn drop(&mut self) {
        if self.is_needed {
            let mut waiting = self.queue.lock();
            waiting.has_worker = false;
            let left = std::mem::take(&mut waiting.work);
            drop(waiting);
            drop(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Work that says when it began, and ends when it is told to.
    fn held(queue: &Arc<Queue>) -> (Receiver<()>, Sender<()>) {
        let ((began, has_begun), (end, may_end)) = (channel(), channel::<()>());
        queue.push(Box::new(move || {
            began.send(()).unwrap();
            assert!(may_end.recv().is_err());
        }));
        (has_begun, end)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_have_their_turn_in_order_and_one_at_a_time() {
        let queue = Arc::new(Queue::default());
        let (has_begun, end) = held(&queue);
        has_begun.recv().unwrap();
        let (told, heard) = channel();
        for turn in 0..100 {
            let told = told.clone();
            queue.push(Box::new(move || told.send((turn, std::thread::current().id())).unwrap()));
        }
        assert!(heard.try_recv().is_err(), "somebody did not wait");
        drop((end, told));
        let (turns, threads): (Vec<_>, Vec<_>) = heard.iter().unzip();
        assert_eq!(turns, (0..100).collect::<Vec<_>>());
        assert!(threads.iter().all(|thread| threads.first() == Some(thread)), "{threads:?}");
    }

    #[tokio::test]
    async fn what_panics_ends_only_itself() {
        let queue = Arc::new(Queue::default());
        let (has_begun, end) = held(&queue);
        has_begun.recv().unwrap();
        let (told, heard) = channel();
        let before = told.clone();
        queue.push(Box::new(move || {
            let _told = before;
            panic!("of the test");
        }));
        queue.push(Box::new(move || told.send("done").unwrap()));
        drop(end);
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["done"]);
        // and the thread that has gone is followed by another
        let (has_begun, _end) = held(&queue);
        has_begun.recv().unwrap();
    }

    #[test]
    fn a_runtime_that_has_ended_leaves_nobody_waiting() {
        let queue = Arc::new(Queue::default());
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let first = runtime();
        let ended = first.handle().clone();
        drop(first);
        let (told, heard) = channel::<()>();
        {
            let _inside = ended.enter();
            queue.push(Box::new(move || told.send(()).unwrap()));
        }
        assert!(heard.recv().is_err());
        // one that comes with another runtime is not kept waiting by the first
        runtime().block_on(async {
            let (has_begun, _end) = held(&queue);
            has_begun.recv().unwrap();
        });
    }
}
