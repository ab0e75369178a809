//! `docker compose -f deploy/compose.yaml up`, with the file as it stands (`tests/compose-room`): the home is made once, the
//! gateway starts after it and says that it is well, nobody beyond this computer reaches it, and what it knows outlives it.
#![cfg(target_os = "linux")]

use std::path::Path;

use crate::{container::Engine, harness::skip, out_of_reach};

#[test]
fn compose_makes_the_home_once_and_starts_the_gateway_on_this_computer_alone() {
    if !["/usr/lib/cni/bridge", "/usr/lib/podman/netavark"].iter().any(|path| Path::new(path).exists()) {
        return skip("compose: podman's networks need containernetworking-plugins or netavark");
    }
    let needs = ["/usr/bin/docker-compose", "/usr/sbin/iptables", "/usr/bin/unshare", "/usr/bin/curl", "/usr/sbin/ip"];
    let Some(engine) = Engine::with_image(&needs) else { return };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = engine.script(&here.join("tests/compose-room"), &here.join("deploy/compose.yaml"));
    let parts = out_of_reach::parts(&ran.stdout);
    assert!(ran.code == 0 && parts.contains_key("end"), "{ran:?}");

    let up = &parts["up"];
    assert!(up.starts_with("running healthy 0\nexited 0\n") && up.contains("made /data/.agentport"), "{up}");
    let moments: Vec<u128> = parts["order"].lines().map(|moment| moment.parse().unwrap()).collect();
    assert!(moments[0] < moments[1], "{moments:?}");
    assert_eq!(parts["limits"], "536870912 256 unless-stopped true\n");
    // 127.0.0.1:4747 as the kernel writes it, and nothing else
    assert_eq!(parts["port"], "0100007F:128B\n200\n000\n");
    assert_eq!(parts["link"], "200\n404\n");
    assert_eq!(parts["command"], "\"ok\":true\n");

    assert_eq!(parts["again"], "running healthy 0\nthere is a home at /data/.agentport\nkept\n");
    assert_eq!(parts["killed"], "running healthy 1\n");
    // it ended by itself when it was asked to
    assert_eq!(parts["restarted"], "exited 0\nrunning healthy 0\n");
    assert_eq!(parts["down"], "deploy_home\nkept\n");
    assert_eq!(parts["after"], "running healthy 0\nkept\n\"ok\":true\n");
    assert_eq!(parts["gone"], "");
}
