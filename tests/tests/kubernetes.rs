//! Kubernetes, for real: two empty machines become a control plane and a worker that a real API server calls Ready; the
//! worker is made anew while the cluster serves; and at last its power is gone and it leaves all the same. On the way a
//! false CA is refused, a token dies while its machine is off, and the server is killed in the middle of a join and of
//! a drain. One run proves it all, because boots are what costs time.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::state::State;
use lab::{BootOrder, cluster};
use serde_json::{Value, json};
use tests::kube::{App, Kube, is_ready};
use tests::server::{evidence, text};
use tests::stage::{LINE, SOON, Stage};

const CONTROL: &str = "node01";
const WORKER: &str = "node02";

const PROBE: App = ("default", "app=probe");
const DNS: App = ("kube-system", "k8s-app=kube-dns");

const MACHINES: &str = r#"
[[machine]]
name = "node01"
macs = ["52:54:00:77:00:01"]
profile = "node"
role = "control-plane"

[[machine]]
name = "node02"
macs = ["52:54:00:77:00:02"]
profile = "node"
"#;

#[test]
fn machines_become_nodes_and_leave_again() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "kubernetes-life")?;
    let mut stage = Stage::up("life", &folder, cluster::RELEASE, MACHINES, cluster::TABLE)?;
    let (control, worker) = (stage.control_plane(1)?, stage.worker(2)?);
    control.on()?;
    stage.approve(CONTROL)?;
    stage.reaches(CONTROL, "joining", |machine| machine.state == State::Joining)?;
    worker.on()?;
    // Its own disk waits until there is a false CA to meet.
    stage.reaches(WORKER, "installed", |machine| machine.state == State::Booting)?;
    worker.cut()?;
    stage.reaches(CONTROL, "active", |machine| machine.state == State::Active)?;
    let kube = Kube::open(&stage.rack, &stage.server, cluster::NAME)?;
    ensure!(is_ready(&kube.node(CONTROL)?), "the API server calls {CONTROL} Ready");

    refuses_a_false_ca(&stage, &kube, &worker)?;
    joins_after_its_token_died(&mut stage, &kube, &worker)?;
    let first = is_as_declared(&kube, &stage, cluster::RELEASE)?;
    let serving = Instant::now();
    serve(&stage, &kube)?;
    reprovision_under_traffic(&mut stage, &kube)?;
    let second = is_as_declared(&kube, &stage, cluster::RELEASE)?;
    ensure!(first != second, "{WORKER} is another Node than before");
    let asked = nothing_was_lost(&kube)?;
    stage.says(&format!("{asked} requests in {} s, none lost", serving.elapsed().as_secs()));
    stage.figures(&[CONTROL, WORKER])?;
    leaves_without_power(&stage, &kube, &worker)?;
    comes_back_in_vain(&stage, &kube, &worker)
}

/// Its fabric is the other one, too: what pods say to each other goes through a tunnel.
#[test]
#[ignore = "an image that `make images` leaves out: make test-long builds it"]
fn machines_become_nodes_of_the_next_release() -> Result<()> {
    let tunnels = cluster::TABLE.replace("endpoint =", "fabric = \"vxlan\"\nendpoint =");
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "kubernetes-next")?;
    let mut stage = Stage::up("next", &folder, cluster::NEXT, MACHINES, &tunnels)?;
    let (control, worker) = (stage.control_plane(1)?, stage.worker(2)?);
    control.on()?;
    stage.approve(CONTROL)?;
    stage.reaches(CONTROL, "joining", |machine| machine.state == State::Joining)?;
    worker.on()?;
    for name in [CONTROL, WORKER] {
        stage.reaches(name, "active", |machine| machine.state == State::Active)?;
    }
    let kube = Kube::open(&stage.rack, &stage.server, cluster::NAME)?;
    ensure!(is_ready(&kube.node(CONTROL)?), "the API server calls {CONTROL} Ready");
    is_as_declared(&kube, &stage, cluster::NEXT)?;
    serve(&stage, &kube)?;
    let sent = stage.shell(CONTROL, "cat /sys/class/net/flannel.1/statistics/tx_packets")?;
    ensure!(sent.trim().parse::<u64>()? > 0, "the client's packets go through the tunnel: {sent}");
    let routes = stage.shell(CONTROL, "ip route show dev flannel.1")?;
    ensure!(routes.contains(" via "), "the worker's pods are behind the tunnel: {routes}");
    stage.says(&format!("flannel.1 of {CONTROL} sent {} packets: {}", sent.trim(), routes.trim()));
    stage.figures(&[CONTROL, WORKER])
}

/// Its server knows nothing of a cluster that was made by hand, until an administrator shows it in.
#[test]
#[ignore = "ten minutes: make test-long runs it"]
fn a_cluster_is_forgotten_and_adopted() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "kubernetes-adopt")?;
    let mut stage = Stage::up("adopt", &folder, cluster::RELEASE, MACHINES, cluster::TABLE)?;
    stage.control_plane(1)?.on()?;
    stage.approve(CONTROL)?;
    stage.reaches(CONTROL, "active", |machine| machine.state == State::Active)?;
    let kube = Kube::open(&stage.rack, &stage.server, cluster::NAME)?;
    is_forgotten_and_adopted(&stage, &kube)
}

/// Somebody else's CA in what the API server shows to those who join: kubeadm compares it with the hash that the server
/// gave to the machine.
fn refuses_a_false_ca(stage: &Stage, kube: &Kube, worker: &lab::Machine) -> Result<()> {
    let get = ["-n", "kube-public", "get", "configmap", "cluster-info"];
    let right = kube.json(&get)?["data"]["kubeconfig"].as_str().context("cluster-info")?.to_owned();
    let mut base64 = Command::new("base64");
    base64.arg("-w0").arg(stage.server.state().join("ca.pem"));
    let other = format!("certificate-authority-data: {}", text(base64)?.trim());
    let is_ca = |line: &str| line.trim().starts_with("certificate-authority-data:");
    let own = right.lines().find(|line| is_ca(line)).context("a CA in cluster-info")?.trim();
    let show = |kubeconfig: &str| {
        let patch = json!({"data": {"kubeconfig": kubeconfig}}).to_string();
        kube.ask(&["-n", "kube-public", "patch", "configmap", "cluster-info", "--type=merge", "-p", &patch])
    };
    show(&right.replace(own, &other))?;
    worker.on()?;
    let end = Instant::now() + LINE;
    let refused = loop {
        let machine = stage.server.machine(WORKER)?;
        if machine.state == State::Failed {
            break machine;
        }
        ensure!(Instant::now() < end && machine.state != State::Active, "a false CA was taken: {machine:?}");
        std::thread::sleep(Duration::from_secs(1));
    };
    let reason = refused.reason.unwrap_or_default();
    ensure!(reason.contains("the cluster's CA is not the one"), "the reason names the CA: {reason}");
    ensure!(kube.node(WORKER)?.is_null(), "nothing was joined");
    kube.until("its token revoked", SOON, Kube::tokens, Vec::is_empty)?;
    show(&right)?;
    stage.says(&format!("a false CA was refused: {reason}"));
    Ok(())
}

/// What a power cut in its first seconds leaves of containerd's own UUID: the length of it, and no bytes.
const TORN: &str = "set -e
uuid=/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid
head -c 36 /dev/zero > $uuid
! ctr version";

/// The power goes when the machine holds its token, and stays away for longer than the token lives. Half an hour is not
/// waited for: the token's end is moved to now.
fn joins_after_its_token_died(stage: &mut Stage, kube: &Kube, worker: &lab::Machine) -> Result<()> {
    stage.shell(WORKER, TORN)?;
    text(stage.server.metalctl(&["machine", "retry", WORKER])?)?;
    let held = kube.until("a token", SOON, Kube::tokens, |tokens| !tokens.is_empty())?;
    worker.cut()?;
    stage.says(&format!("power cut beside {}", held.join(", ")));
    let past = json!({"stringData": {"expiration": "2026-01-01T00:00:00Z"}}).to_string();
    for token in &held {
        kube.ask(&["-n", "kube-system", "patch", token, "--type=merge", "-p", &past])?;
    }
    kube.until("its token dead", SOON, Kube::tokens, Vec::is_empty)?;
    worker.on()?;
    let new = kube.until("a new token", LINE, Kube::tokens, |tokens| !tokens.is_empty())?;
    ensure!(new != held, "another token than the dead one");
    stage.kill_the_server("in the middle of the join")?;
    stage.reaches(WORKER, "active", |machine| machine.state == State::Active)?;
    kube.until("its token revoked", SOON, Kube::tokens, Vec::is_empty)?;
    Ok(())
}

/// The UID of the worker's Node, which is what the site file says.
fn is_as_declared(kube: &Kube, stage: &Stage, release: &str) -> Result<String> {
    let node = kube.node(WORKER)?;
    ensure!(is_ready(&node), "the API server calls {WORKER} Ready: {node}");
    let label = &node["metadata"]["labels"]["example.org/rack"];
    ensure!(label == stage.rack.name.as_str(), "its label: {node}");
    ensure!(node["spec"]["unschedulable"].is_null(), "it takes pods: {node}");
    let version = node["status"]["nodeInfo"]["kubeletVersion"].as_str().unwrap_or_default();
    ensure!(version.starts_with(&format!("v{release}.")), "its release: {version}");
    Ok(node["metadata"]["uid"].as_str().context("a UID")?.to_owned())
}

/// Two replicas that answer with their names, a client that asks for them by DNS name, and DNS where it can be lost.
fn serve(stage: &Stage, kube: &Kube) -> Result<()> {
    // Both started when there was one node.
    spreads(kube, DNS)?;
    let node = kube.node(CONTROL)?;
    let images = node["status"]["images"].as_array().context("the node's images")?;
    let names = images.iter().flat_map(|image| image["names"].as_array().cloned().unwrap_or_default());
    let busybox = names.filter_map(|name| name.as_str().map(String::from)).find(|n| n.contains("busybox:"));
    let manifest = include_str!("../data/kubernetes/probe.yaml").replace("CLIENT", CONTROL);
    kube.apply("probe", &manifest.replace("IMAGE", &busybox.context("a busybox beside Kubernetes")?))?;
    // A container that has not started yet has said nothing.
    let answers = |kube: &Kube| Ok(kube.ask(&["logs", "client"]).unwrap_or_default());
    let log = kube.until("answers of both replicas", SOON, answers, |log| {
        let names: BTreeSet<_> =
            log.lines().filter_map(|line| line.split_once(' ')).map(|(_, name)| name).collect();
        names.iter().filter(|name| name.starts_with("probe-")).count() == 2
    })?;
    ensure!(kube.pods_by_node(PROBE)? == [CONTROL, WORKER], "one replica a node");
    stage.says(&format!("two replicas serve; the client asked {} times", log.lines().count()));
    Ok(())
}

fn reprovision_under_traffic(stage: &mut Stage, kube: &Kube) -> Result<()> {
    let words = ["machine", "reprovision", WORKER, "--yes", "--wait", "--timeout", "12m"];
    let mut metalctl = stage.server.metalctl(&words)?.spawn()?;
    for app in [PROBE, DNS] {
        let nodes = |kube: &Kube| kube.pods_by_node(app);
        kube.until("its pods evicted", SOON, nodes, |nodes| !nodes.iter().any(|node| node == WORKER))?;
    }
    ensure!(stage.server.machine(WORKER)?.state == State::Draining, "{WORKER} is draining");
    stage.kill_the_server("in the middle of the drain")?;
    stage.reaches(WORKER, "in RAM again", |machine| machine.state == State::Inspecting)?;
    ensure!(kube.node(WORKER)?.is_null(), "its Node is gone");
    ensure!(metalctl.wait()?.success(), "metalctl machine reprovision --wait ended well");
    stage.says(&format!("{WORKER} was made anew"));
    Ok(())
}

/// How often the client asked.
fn nothing_was_lost(kube: &Kube) -> Result<usize> {
    let log = kube.ask(&["logs", "client"])?;
    let served = log.lines().skip_while(|line| !line.contains("probe-"));
    let (asked, lost): (Vec<_>, Vec<_>) = served.partition(|line| line.contains("probe-"));
    ensure!(lost.is_empty(), "of {} requests these were lost: {lost:?}", asked.len() + lost.len());
    Ok(asked.len())
}

/// The operator vouches for the power, and the worker's node leaves without its help.
fn leaves_without_power(stage: &Stage, kube: &Kube, worker: &lab::Machine) -> Result<()> {
    // Both were on the control plane.
    spreads(kube, PROBE)?;
    worker.cut()?;
    text(stage.server.metalctl(&["machine", "reprovision", WORKER, "--yes", "--powered-off"])?)?;
    stage.reaches(WORKER, "let go", |machine| machine.state == State::Inspecting)?;
    ensure!(kube.node(WORKER)?.is_null(), "its Node is gone");
    let nodes = |kube: &Kube| kube.pods_by_node(PROBE);
    kube.until("both replicas on one", SOON, nodes, |nodes| *nodes == [CONTROL, CONTROL])?;
    stage.says(&format!("{WORKER} left without power, and its pods are elsewhere"));
    Ok(())
}

/// Somebody plugs the old chassis in, and its firmware starts the system that the cluster has let go of.
fn comes_back_in_vain(stage: &Stage, kube: &Kube, worker: &lab::Machine) -> Result<()> {
    worker.refit(|hardware| hardware.boot = BootOrder::DiskFirst)?;
    worker.on()?;
    let history = |_: &Kube| Ok(stage.detail(WORKER)?.history);
    kube.until("seen as returned", LINE, history, |history| history.iter().any(|e| e.event == "returned"))?;
    let keeps_out = |node: &Value| node.is_null() || node["spec"]["unschedulable"] == true;
    kube.until("kept out", SOON, |kube| kube.node(WORKER), keeps_out)?;
    worker.cut()?;
    worker.refit(|hardware| hardware.boot = BootOrder::NetworkFirst)?;
    worker.on()?;
    kube.until("its Node gone", LINE, |kube| kube.node(WORKER), Value::is_null)?;
    stage.says("the old chassis came back, was kept out and sent through the network");
    Ok(())
}

fn is_forgotten_and_adopted(stage: &Stage, kube: &Kube) -> Result<()> {
    let name = cluster::NAME;
    text(stage.server.metalctl(&["cluster", "reset", name, "--yes", "--name", name])?)?;
    let grant = text(stage.server.metalctl(&["cluster", "adopt", name, "--print-manifest"])?)?;
    kube.apply("grant", &grant)?;
    let get = ["-n", "metal-system", "get", "secret", "metald-token", "--ignore-not-found"];
    let filled = |secret: &Value| !secret["data"]["token"].is_null();
    let secret = kube.until("a token for the server", SOON, |kube| kube.json(&get), filled)?;
    let file = stage.rack.folder.join("metald-token.json");
    std::fs::write(&file, secret.to_string())?;
    text(stage.server.metalctl(&["cluster", "adopt", name, "--file", &file.display().to_string()])?)?;
    std::fs::remove_file(&file)?;
    let client = stage.server.client()?;
    let nodes = |_: &Kube| Ok(stage.server.ask(client.cluster(name))?.nodes);
    kube.until("its node shown", SOON, nodes, |nodes| {
        nodes.iter().any(|node| node.name.as_str() == CONTROL && node.ready)
    })?;
    text(stage.server.metalctl(&["cluster", "snapshot", name])?)?;
    let snapshots = |_: &Kube| Ok(stage.server.ask(client.cluster(name))?.snapshots);
    kube.until("a snapshot of etcd", LINE, snapshots, |snapshots| !snapshots.is_empty())?;
    stage.says("the cluster was forgotten and adopted, and a snapshot taken of it");
    Ok(())
}

/// One of the two pods ends, and its successor goes where there is none.
fn spreads(kube: &Kube, app: App) -> Result<()> {
    let two = kube.until("two pods", SOON, |kube| kube.pods(app), |pods| pods.len() == 2)?;
    if kube.pods_by_node(app)? != [CONTROL, WORKER] {
        let one = two[0]["metadata"]["name"].as_str().context("a pod")?;
        kube.ask(&["-n", app.0, "delete", "pod", one, "--wait=false"])?;
    }
    let nodes = |kube: &Kube| kube.pods_by_node(app);
    kube.until("a pod on each node", SOON, nodes, |nodes| *nodes == [CONTROL, WORKER])?;
    Ok(())
}
