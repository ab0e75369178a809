//! The path of a call with a real ledger, a store in memory, an upstream that does as it is told, and a stepped clock.

mod changes;
mod connecting;
mod deciding;
mod proving;
mod rig;
mod running;
mod waiting;

pub(super) use self::rig::*;
