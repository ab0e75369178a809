//! What a process of a home is: of this very binary, with a gateway of its own that does what its standard input says.

use super::*;

pub(super) const HOME: &str = "AGENTPORT_TEST_CHILD_OF";
pub(super) const ORIGIN: &str = "AGENTPORT_TEST_CHILD_TO";
pub(super) const KEY: &str = "AGENTPORT_TEST_CHILD_KEY";

/// What a process of a home knows.
pub(super) struct Place {
    pub(super) home: PathBuf,
    pub(super) service: SocketAddr,
    pub(super) key: String,
}

impl Place {
    pub(super) fn of(scene: &Scene, service: &Service) -> Self {
        Self { home: scene.path().join("home"), service: service.address, key: scene.canary().to_owned() }
    }

    pub(super) fn vault(&self) -> Vault {
        Vault::new(self.home.join("vault.age"), KeySource::File(self.home.with_file_name("key")))
    }

    pub(super) fn account(&self) -> Account {
        Account {
            integration: "stripe".to_owned(),
            name: "default".to_owned(),
            id: "acc_1".to_owned(),
            origin: Origin::parse(&format!("http://{}", self.service), true).unwrap(),
            environment: AccountEnvironment::Test,
            identity: Identity::default(),
            settings: BTreeMap::new(),
            connected_at: BEGIN,
        }
    }

    /// What the secret store holds.
    pub(super) fn secrets(&self) -> BTreeMap<String, String> {
        let sealed = seal(&self.account(), &CredentialScheme::Bearer, &Secret::new(self.key.clone())).unwrap();
        BTreeMap::from([
            (account_secret_name("stripe", "default"), sealed.expose().to_owned()),
            (seed_name(&factor()), SEED.to_owned()),
        ])
    }

    /// The secrets are in memory, which spares opening the vault a thousand times.
    pub(super) fn gateway(&self, clock: Arc<dyn Clock>, stop: Stop) -> Arc<Gateway> {
        let store = Memory { secrets: Mutex::new(self.secrets()), ..Memory::default() };
        self.gateway_over(Arc::new(store), clock, stop)
    }

    fn gateway_over(&self, store: Arc<dyn SecretStore>, clock: Arc<dyn Clock>, stop: Stop) -> Arc<Gateway> {
        let (ledger, environment) = (open(&self.home), Environment::of_home(&self.home));
        let place = Home::find(&environment).unwrap();
        let catalog = Arc::new(Catalog::built_in());
        let parts = Parts {
            courier: Arc::new(Courier::new(ledger.clone(), Arc::clone(&store), Arc::clone(&clock))),
            snapshots: Snapshots::start(place, environment, ledger.clone(), catalog).unwrap(),
            ledger: Arc::new(Hooked { inner: ledger.clone(), hook: Arc::new(stop) }),
            home: ledger,
            credentials: Credentials::new(Arc::clone(&store)),
            secrets: store,
            upstreams: Upstreams { http: Arc::new(Rest::default()), sql: Arc::new(Sql::default()) },
            notifiers: Vec::new(),
        };
        let parts = Mutex::new(Some(parts));
        Gateway::new(Box::new(move || Ok(parts.lock().unwrap().take())), clock)
    }
}

/// Does nothing but in the processes of [`Ground::child`].
#[test]
fn does_as_told() {
    let [Ok(home), Ok(service), Ok(key)] = [HOME, ORIGIN, KEY].map(std::env::var) else { return };
    log_to(std::io::stderr);
    let (clock, stop) = (SteppingClock::starting_at(BEGIN), Stop::default());
    let place = Place { home: home.into(), service: service.parse().unwrap(), key };
    let gateway = place.gateway(Arc::new(clock.clone()), stop.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for line in std::io::stdin().lock().lines() {
        let told: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if let Some(at) = told["at"].as_i64() {
            clock.pass(at - clock.now().wall);
        }
        *stop.0.lock().unwrap() = told["stop"].as_str().map(str::to_owned);
        say(&match told["do"].as_str() {
            Some("connect") => runtime.block_on(connect(&place, &clock, &stop, &told)),
            _ => runtime.block_on(act(&gateway, &told)),
        });
    }
    runtime.block_on(gateway.drain(Duration::from_secs(30)));
}

/// Gives the account another secret, in the home's own vault.
async fn connect(place: &Place, clock: &SteppingClock, stop: &Stop, told: &Value) -> Value {
    let store = Arc::new(Stopping { inner: place.vault(), stop: stop.clone() });
    let gateway = place.gateway_over(store, Arc::new(clock.clone()), stop.clone());
    let parts = gateway.open_parts().unwrap();
    let snapshot = parts.snapshots.current().unwrap();
    let before = snapshot.account("stripe", "default").unwrap();
    let account =
        Account { id: told["id"].as_str().unwrap().to_owned(), connected_at: clock.now().wall, ..(**before).clone() };
    let secret = Secret::new(told["key"].as_str().unwrap().to_owned());
    let seal = |account: &Account, _: &[String]| seal(account, &CredentialScheme::Bearer, &secret);
    let code = code(u32::try_from(told["code"].as_u64().unwrap()).unwrap());
    let claim = Claim::Connect("stripe/default".to_owned());
    let approver = match gateway.prove(&parts, claim, &Presented::Code(&PersonId::owner(), &code)).await {
        Ok(approver) => Some(approver),
        Err(error) => return json!({"refused": error.to_string()}),
    };
    let connecting = Connecting {
        integration: snapshot.catalog.integration("stripe").unwrap(),
        account,
        before: Some(before),
        replace: true,
        verify: false,
        seal: &seal,
        approver,
    };
    match gateway.connect(&parts, connecting).await {
        Ok(_) => json!({"connected": true}),
        Err(error) => json!({"refused": error.to_string()}),
    }
}

/// A vault whose process can be stopped while a secret is on its way.
#[derive(Debug)]
struct Stopping {
    inner: Vault,
    stop: Stop,
}

#[async_trait]
impl SecretStore for Stopping {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        self.inner.get(name).await
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        let waits = name.ends_with("/new");
        if !waits {
            self.stop.point("recorded").await;
        }
        self.inner.put(name, secret).await?;
        self.stop.point(if waits { "staged" } else { "placed" }).await;
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.inner.delete(name).await
    }
}

async fn act(gateway: &Arc<Gateway>, told: &Value) -> Value {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let local = Caller::parse("local").unwrap();
    let call = async |tool: &str, arguments: Value| {
        let Value::Object(arguments) = arguments else { panic!("{arguments}") };
        gateway.call(&local, tool, arguments, CancellationToken::new()).await.to_json()
    };
    match told["do"].as_str().unwrap() {
        "approve" => {
            let code = code(u32::try_from(told["code"].as_u64().unwrap()).unwrap());
            match gateway.approve(&text("id"), &Presented::Code(&PersonId::owner(), &code)).await {
                Ok(Said::Sent(outcome)) => json!({"sent": outcome.as_str()}),
                Ok(Said::OneMore(_)) => json!({"one_more": true}),
                Err(error) => json!({"refused": error.to_string()}),
            }
        }
        "deny" => match gateway.deny(&text("id"), None).await {
            Ok(()) => json!({"denied": true}),
            Err(error) => json!({"refused": error.to_string()}),
        },
        "refund" => call("stripe_create_refund", json!({"charge": "ch_1", "amount": told["amount"]})).await,
        "read" => call("stripe_get_balance", Value::Object(Map::new())).await,
        "await" => call("agentport_await_approval", json!({"approval_id": text("id"), "wait_seconds": 0})).await,
        other => panic!("{other}"),
    }
}

fn say(what: &Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "> {what}").unwrap();
    out.flush().unwrap();
}

/// Where a child stops for good, after it has said so: `proved`, `consumed` or `sent`. It lies between two steps, where
/// a signal from outside can't hit.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<Mutex<Option<String>>>);

impl Stop {
    async fn point(&self, name: &str) {
        let here = self.0.lock().unwrap().as_deref() == Some(name);
        if here {
            say(&json!({"stopped": name}));
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Hook for Stop {
    async fn before(&self, method: &'static str) -> Result<(), LedgerError> {
        match method {
            "decide" => self.point("proved").await,
            "settle" => self.point("sent").await,
            _ => {}
        }
        Ok(())
    }

    async fn after(&self, method: &'static str) {
        if ["admit", "decide"].contains(&method) {
            self.point("consumed").await;
        }
    }
}
