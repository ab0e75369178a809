//! A home for the length of the demo: its own folder, vault, key, factor, port. Nothing of the user's is read or
//! touched, and nothing stays.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use totp_rs::Totp;

use crate::{
    account::{Account, Environment as Stage, Identity, Origin},
    app::App,
    approval::{RecoveryCodes, Seed, otpauth_uri},
    canonical,
    cli::Failure,
    clock::Millis,
    config::{Environment, StoreKind},
    files,
    gateway::{Gateway, seed_name},
    ledger::{Outcome, Sqlite},
    secret::Secret,
    upstream::{account_secret_name, seal},
    visible::visible,
};

/// The folder. It goes when this does.
#[derive(Debug)]
pub(super) struct Sandbox {
    folder: PathBuf,
}

impl Sandbox {
    /// An empty folder of ours among the system's temporary ones.
    pub(super) fn make() -> Result<Self, Failure> {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random)?;
        let temporary = std::env::temp_dir();
        // a link on the way, as macOS has one, would be refused in a home
        let temporary = temporary.canonicalize().map_err(|error| {
            let shown = visible(&temporary.display().to_string());
            Failure::new(format!("there is no temporary folder `{shown}`: {error}"))
                .hint("set TMPDIR to one that is there")
        })?;
        let folder = temporary.join(format!("agentport-demo-{}", canonical::hex(&random)));
        files::ensure_private_dir(&folder)?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// Deletes it and all that is in it.
    pub(super) fn remove(self) -> Result<(), Failure> {
        std::fs::remove_dir_all(&self.folder).map_err(|error| {
            let folder = self.folder.display().to_string();
            Failure::new(format!("the demo's folder could not be deleted: {error}")).hint(format!("delete {folder}"))
        })
    }

    /// What `init`, `factor add totp` and `connect stripe` do, by the same code.
    pub(super) async fn furnish(&self, key: &str, standin: u16) -> Result<(Arc<Gateway>, Authenticator), Failure> {
        let app = App::new(Environment::of_sandbox(&self.home(), &self.key_file()));
        let home = app.init(StoreKind::Vault, "default").await?;
        files::replace_private(&home.settings(), settings()?.as_bytes())?;
        let gateway = app.gateway();
        let authenticator = enrol(&gateway).await?;
        connect(&gateway, key, standin).await?;
        Ok((gateway, authenticator))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The app on the phone, which in the demo is us.
pub(super) struct Authenticator {
    totp: Totp,
}

impl Authenticator {
    /// The six digits now, and for how many seconds.
    pub(super) fn digits(&self, now: Millis) -> (String, u64) {
        let seconds = u64::try_from(now / 1000).unwrap_or(0);
        (self.totp.generate(seconds).to_string(), STEP - seconds % STEP)
    }
}

/// RFC 6238's 30 seconds.
const STEP: u64 = 30;

/// The settings of `init`, with a port that nobody uses: a real site of this user stays where it is.
fn settings() -> Result<String, Failure> {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::new(format!("no port on this computer is free: {error}")))?
        .port();
    Ok(crate::config::Settings::template(StoreKind::Vault)
        .replace("127.0.0.1:4747", &format!("127.0.0.1:{port}"))
        .replace("localhost:4747", &format!("localhost:{port}")))
}

async fn enrol(gateway: &Arc<Gateway>) -> Result<Authenticator, Failure> {
    let parts = gateway.open_parts()?;
    let seed = Seed::generate()?;
    let uri = otpauth_uri(&seed).ok_or_else(|| Failure::new("the demo's authenticator could not be made"))?;
    let totp = Totp::from_url(uri.as_str()).map_err(|_| Failure::new("the demo's authenticator could not be made"))?;
    let id = Sqlite::fresh_factor_id()?;
    parts.secrets.put(&seed_name(&id), seed.to_secret()).await?;
    let now = gateway.clock().now();
    // the confirming code was of the step before, so that the one of now can still decide
    let step = u64::try_from(now.wall / 1000).unwrap_or(0) / STEP;
    let recovery = RecoveryCodes::generate()?;
    if !parts.home.enrol(id, step.saturating_sub(1), recovery.hashes(), None, now).await? {
        return Err(Failure::new("the demo's authenticator could not be enrolled"));
    }
    Ok(Authenticator { totp })
}

async fn connect(gateway: &Arc<Gateway>, key: &str, standin: u16) -> Result<(), Failure> {
    let parts = gateway.open_parts()?;
    let snapshot = parts.snapshots.current()?;
    let stripe =
        snapshot.catalog.integration("stripe").ok_or_else(|| Failure::new("there is no integration `stripe`"))?;
    let mut account = Account {
        integration: stripe.id.clone(),
        name: "default".to_owned(),
        id: Sqlite::fresh_account_id()?,
        origin: Origin::parse(&format!("http://127.0.0.1:{standin}"), true)?,
        environment: Stage::Test,
        identity: Identity::default(),
        settings: BTreeMap::new(),
        connected_at: gateway.clock().now().wall,
    };
    let key = Secret::new(key.to_owned());
    let sealed = seal(&account, &stripe.credential.scheme, &key)?;
    let verified = gateway.verify_account(&account, &sealed).await.map_err(Failure::new)?;
    match verified.outcome {
        Outcome::Succeeded { .. } => {}
        Outcome::Failed { message, .. } | Outcome::Unknown { message, .. } => {
            return Err(Failure::new(format!("the stand-in could not be reached: {message}")));
        }
    }
    account.identity = verified.identity;
    let sealed = seal(&account, &stripe.credential.scheme, &key)?;
    parts.secrets.put(&account_secret_name(&account.integration, &account.name), sealed).await?;
    parts.home.put_account(account, None, gateway.clock().now()).await?;
    Ok(())
}
