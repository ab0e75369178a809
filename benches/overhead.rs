//! What the gate costs: an allowed read through it, beside the same request by the bare client, in one run and in turns,
//! so that what the machine does otherwise hits both. Prints; asserts nothing by a clock.
//!
//! `cargo bench --bench overhead`, with a number of calls behind `--` if 2,000 are not right.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot run says why")]

mod scene;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use agentport::{
    account::Origin,
    catalog::CredentialScheme,
    clock::Clock as _,
    ledger::{Admission, Admit, Ledger as _, Outcome},
    plan::Plan,
    policy::Evaluation,
    upstream::http::{Http, Limits},
};
use serde_json::{Map, json};

use self::scene::{Connected, Scene, Spread, timed};

const TOOL: &str = "stripe_get_balance";
const BODY: &str = r#"{"object":"balance","available":[{"amount":12345,"currency":"usd"}],"pending":[]}"#;

fn main() {
    let calls = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(2_000);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure(calls));
}

async fn measure(calls: usize) {
    let folder = tempfile::TempDir::new().unwrap();
    let scene = Bare::new(folder.path()).await;
    for _ in 0..calls / 10 {
        scene.scene.through().await;
        scene.bare().await;
        scene.recorded().await;
    }
    let (mut through, mut bare, mut recorded) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..calls {
        bare.push(timed(scene.bare()).await);
        through.push(timed(scene.scene.through()).await);
        recorded.push(timed(scene.recorded()).await);
    }
    let rows = [("bare client", bare), ("through the gate", through), ("admit and settle alone", recorded)]
        .map(|(name, times)| (name, Spread::of(times)));
    println!("{calls} reads each, one after the other, over loopback; microseconds");
    println!("{:<24}{:>10}{:>10}{:>10}", "", "p5", "p50", "p95");
    for (name, spread) in &rows {
        println!("{name:<24}{:>10.0}{:>10.0}{:>10.0}", spread.p05, spread.p50, spread.p95);
    }
    let [(_, bare), (_, through), _] = &rows;
    let columns = [(through.p05, bare.p05), (through.p50, bare.p50), (through.p95, bare.p95)];
    let [fast, middle, slow] = columns.map(|(through, bare)| through - bare);
    println!("{:<24}{fast:>10.0}{middle:>10.0}{slow:>10.0}", "difference");
    let [fast, middle, slow] = columns.map(|(through, bare)| through / bare);
    println!("{:<24}{fast:>10.2}{middle:>10.2}{slow:>10.2}", "ratio");
}

/// The scene with a service on loopback, and the client that the gateway would use.
struct Bare {
    scene: Scene,
    client: Http,
    url: reqwest::Url,
}

impl Bare {
    async fn new(folder: &std::path::Path) -> Self {
        let origin = serve();
        let to = Connected {
            integration: "stripe",
            origin: Origin::parse(&origin, true).unwrap(),
            scheme: CredentialScheme::Bearer,
            secret: "rk_test_1".to_owned(),
            settings: BTreeMap::new(),
        };
        let scene = Scene::new(folder, to, TOOL, Map::new()).await;
        Self { scene, client: Http::new(Limits::DEFAULT), url: format!("{origin}/v1/balance").parse().unwrap() }
    }

    /// The same client with the same credential, and nothing around it.
    async fn bare(&self) {
        let request = reqwest::Request::new(reqwest::Method::GET, self.url.clone());
        let answer = self.client.send(request, &self.scene.credential, Duration::from_secs(30)).await.unwrap();
        assert_eq!(answer.body.unwrap().len(), BODY.len());
    }

    /// The two transactions of a read.
    async fn recorded(&self) {
        let admit = Admit {
            findings: None,
            plan: Arc::new(Plan::build(&self.scene.call).unwrap()),
            key: self.scene.call.key(),
            evaluation: Evaluation::own_read(),
            summary: "Get the balance".to_owned(),
            expires_in: 0,
            max_pending: 0,
            hourly: 0,
        };
        let admission = self.scene.ledger.admit(admit, self.scene.clock.now()).await.unwrap();
        let Admission::Permit(permit) = admission else { unreachable_admission(&admission) };
        let outcome =
            Outcome::Succeeded { result: json!({"id": 1}), http_status: Some(200), truncated: false, next: None };
        assert!(self.scene.ledger.settle(permit.record(), &outcome, self.scene.clock.now()).await.unwrap());
    }
}

#[expect(clippy::panic, reason = "a measurement that cannot run says why")]
fn unreachable_admission(admission: &Admission) -> ! {
    panic!("an allowed read was not admitted: {admission:?}")
}

/// A service that answers every request with the same body; where it listens.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
                    BODY.len()
                );
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() && (&stream).write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    origin
}
