//! Who is at the other end of the Unix socket, as the system says (`SO_PEERCRED`).

use crate::gateway::Gateway;

/// A user of this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    user: u32,
}

impl Peer {
    /// As the system named them.
    #[cfg(unix)]
    pub(super) fn new(user: u32) -> Self {
        Self { user }
    }

    /// Their number.
    pub(super) fn user(self) -> u32 {
        self.user
    }

    /// Was an agent let in for them? Root and whoever runs the gateway could read its home as well; what they call still
    /// takes a token.
    pub(super) fn is_named(self, gateway: &Gateway) -> bool {
        #[cfg(unix)]
        if [0, rustix::process::geteuid().as_raw()].contains(&self.user) {
            return true;
        }
        let snapshot = gateway.parts().and_then(|parts| parts.snapshots.current().ok());
        snapshot.is_some_and(|snapshot| snapshot.agents.iter().any(|agent| agent.user == Some(self.user)))
    }
}
