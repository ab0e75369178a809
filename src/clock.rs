//! Time, as one question asked of one thing: the wall clock for people, the boot clock for deadlines that a changed
//! wall clock must not move.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// One reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, milliseconds since the Unix epoch.
    pub wall: Millis,
    /// Milliseconds since this boot, suspended time included.
    pub boot: Millis,
    /// Tells one boot of the machine from another; boot readings compare only within one.
    pub boot_id: i64,
}

impl Now {
    /// So long after this.
    #[must_use]
    pub fn after(self, millis: Millis) -> Self {
        Self { wall: self.wall.saturating_add(millis), boot: self.boot.saturating_add(millis), boot_id: self.boot_id }
    }

    /// Has `end` come, by whichever clock comes first? With its boot it has come in any case.
    pub fn is_past(self, end: Self) -> bool {
        self.wall >= end.wall || self.boot_id != end.boot_id || self.boot >= end.boot
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Both clocks, read together.
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Debug, Default)]
pub struct SystemClock {
    boot_id: std::sync::OnceLock<i64>,
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = jiff::Timestamp::now().as_millisecond();
        Now { wall, boot: boot_millis(), boot_id: *self.boot_id.get_or_init(boot_id) }
    }
}

/// A clock that a test steps by hand; clones share it.
#[derive(Debug, Clone)]
pub struct SteppingClock {
    wall: Arc<AtomicI64>,
    boot: Arc<AtomicI64>,
}

impl SteppingClock {
    /// Starts both clocks at `wall`.
    pub fn starting_at(wall: Millis) -> Self {
        Self { wall: Arc::new(AtomicI64::new(wall)), boot: Arc::new(AtomicI64::new(0)) }
    }

    /// Time passes: both clocks move.
    pub fn pass(&self, millis: Millis) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.boot.fetch_add(millis, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock; the boot clock stays.
    pub fn set_wall(&self, wall: Millis) {
        self.wall.store(wall, Ordering::SeqCst);
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Now {
        Now { wall: self.wall.load(Ordering::SeqCst), boot: self.boot.load(Ordering::SeqCst), boot_id: 1 }
    }
}

/// `2026-11-23T09:30:00Z`, as every answer and page writes a time.
pub fn rfc3339(millis: Millis) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| "unknown".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(target_os = "linux")]
fn boot_millis() -> Millis {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    at.tv_sec * 1000 + at.tv_nsec / 1_000_000
}

#[cfg(not(target_os = "linux"))]
fn boot_millis() -> Millis {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    i64::from(at.tv_sec) * 1000 + i64::from(at.tv_nsec) / 1_000_000
}

/// Linux gives every boot a random id (`random(4)`); elsewhere the hour at which this boot began has to do.
fn boot_id() -> i64 {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_else(|_| ((jiff::Timestamp::now().as_millisecond() - boot_millis()) / 3_600_000).to_string());
    let digest = crate::canonical::sha256("agentport/boot", &[text.trim().as_bytes()]);
    digest.iter().take(7).fold(0, |id, byte| id << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_wall_clock_leaves_the_boot_clock() {
        let clock = SteppingClock::starting_at(1_000);
        clock.pass(500);
        clock.set_wall(0);
        assert_eq!(clock.now(), Now { wall: 0, boot: 500, boot_id: 1 });
    }

    #[test]
    fn an_end_comes_by_whichever_clock_comes_first_and_with_the_boot() {
        let end = Now { wall: 900, boot: 0, boot_id: 7 }.after(100);
        assert_eq!(end, Now { wall: 1_000, boot: 100, boot_id: 7 });
        for (wall, boot, boot_id, past) in
            [(999, 99, 7, false), (1_000, 99, 7, true), (999, 100, 7, true), (999, 99, 8, true), (0, 0, 7, false)]
        {
            assert_eq!(Now { wall, boot, boot_id }.is_past(end), past, "{wall} {boot} {boot_id}");
        }
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(rfc3339(1_764_000_000_000), "2025-11-24T16:00:00Z");
    }
}
