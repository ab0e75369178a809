//! The platform's keyring, and its errors in words that help.

use std::sync::Arc;

use keyring_core::Error;
use zeroize::Zeroize as _;

use super::super::StoreError;

pub(super) type Store = Arc<keyring_core::CredentialStore>;

/// Connects to the keyring.
pub(super) fn open() -> Result<Store, StoreError> {
    #[cfg(target_os = "linux")]
    let opened = zbus_secret_service_keyring_store::Store::new().map(|store| store as Store);
    #[cfg(target_os = "macos")]
    let opened = apple_native_keyring_store::keychain::Store::new().map(|store| store as Store);
    #[cfg(windows)]
    let opened = windows_native_keyring_store::Store::new().map(|store| store as Store);
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    let opened: Result<Store, Error> = Err(Error::NoDefaultStore);
    opened.map_err(explain)
}

/// What a person can do about it. Of what the keyring gave, nothing is shown.
pub(super) fn explain(error: Error) -> StoreError {
    match error {
        Error::PlatformFailure(cause) => StoreError::Unavailable(format!("{NO_KEYRING} ({})", chain(&*cause))),
        Error::NoDefaultStore => StoreError::Unavailable(NO_KEYRING.to_owned()),
        Error::NoStorageAccess(cause) => StoreError::Locked(format!("{LOCKED} ({})", chain(&*cause))),
        Error::TooLong(what, limit) => StoreError::Broken(format!(
            "the keyring takes at most {limit} bytes as {what}; `agentport init --store vault` has no such limit"
        )),
        Error::Ambiguous(_) => StoreError::Broken(
            "the keyring has several entries of this name; delete them in the keyring's own program, then connect again"
                .to_owned(),
        ),
        Error::BadEncoding(mut bytes) | Error::BadDataFormat(mut bytes, _) => {
            bytes.zeroize();
            StoreError::Broken("the keyring's entry is damaged; connect the account again".to_owned())
        }
        // `Error` is not ours and may grow
        other => StoreError::Broken(format!("the keyring refused: {other}")),
    }
}

#[cfg(target_os = "linux")]
const NO_KEYRING: &str = "no keyring could be reached; in a desktop session, pass DBUS_SESSION_BUS_ADDRESS and \
     XDG_RUNTIME_DIR on to this program, on a server use `agentport init --store vault`, which needs no keyring";
#[cfg(not(target_os = "linux"))]
const NO_KEYRING: &str = "no keyring could be reached; sign in to your desktop, or use `agentport init --store vault`, which needs no keyring";

#[cfg(target_os = "linux")]
const LOCKED: &str = "the keyring is locked; unlock it in your desktop session (for example with Seahorse), then try \
     again, or use `agentport init --store vault`, which needs no keyring";
#[cfg(not(target_os = "linux"))]
const LOCKED: &str = "the keyring is locked; unlock it, then try again, or use `agentport init --store vault`, which \
     needs no keyring";

/// The error and its causes on one line, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
