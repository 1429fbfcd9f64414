//! Several control planes, for real: a cluster of one grows behind its virtual address without a change on its worker,
//! one control plane leaves, and the snapshot that was taken before it left restores the cluster as docs/cluster.md says.
//! Takes twenty minutes, so it belongs to `make test-long`.

use std::path::Path;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use api::cluster::ClusterDetail;
use api::state::State;
use lab::{Accel, cluster};
use tests::kube::{Kube, is_ready};
use tests::planes::{FIRST, GROWTH, SECOND, THIRD, WORKER, begins, grows, machines, voters};
use tests::server::{evidence, text};
use tests::stage::{LINE, SOON, Stage};

#[test]
#[ignore = "three machines for twenty minutes: make test-long runs it"]
fn one_control_plane_becomes_several_and_one_again() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "control-planes")?;
    let mut stage = Stage::up("planes", &folder, cluster::RELEASE, &machines(), cluster::TABLE)?;
    let three = can_carry_three(&stage);
    stage.says(if three {
        "three control planes"
    } else {
        "two control planes: more is too much for this host"
    });
    begins(&mut stage, true)?;
    let kube = Kube::open(&stage.rack, &stage.server, cluster::NAME)?;

    let before = stage.shell(WORKER, "sha256sum /etc/kubernetes/kubelet.conf")?;
    // Two emulated control planes and nothing beside them are what two cores bear while etcd's second member catches up.
    stage.rack.machine(WORKER)?.cut()?;
    grows(&mut stage, &kube, 3, SECOND)?;
    if three {
        grows(&mut stage, &kube, 4, THIRD)?;
        survives_a_power_cut(&stage, &kube)?;
        two_at_once_take_turns(&stage)?;
    }
    stage.rack.machine(WORKER)?.on()?;
    kube.until("Ready again", LINE, |kube| kube.node(WORKER), is_ready)?;
    ensure!(
        stage.shell(WORKER, "sha256sum /etc/kubernetes/kubelet.conf")? == before,
        "{WORKER} is as it was"
    );
    keeps(&kube, "before")?;
    leaves(&stage, &kube, SECOND)?;
    if !three {
        restores(&stage, &kube)?;
    }
    stage.figures(&[FIRST, WORKER])
}

/// An idle control plane that is emulated fills a core; a real one does not notice it.
fn can_carry_three(stage: &Stage) -> bool {
    stage.rack.accel == Accel::Kvm && available_parallelism().is_ok_and(|cores| cores.get() >= 4)
}

/// The one that holds the address loses its power, and the next answers in its place.
fn survives_a_power_cut(stage: &Stage, kube: &Kube) -> Result<()> {
    let address = cluster::ENDPOINT.split(':').next().unwrap_or_default();
    let holds = |name: &&&str| {
        stage.shell(name, "ip -brief address").is_ok_and(|said| said.contains(&format!("{address}/")))
    };
    let holder = [FIRST, SECOND, THIRD].iter().find(holds).copied().context("somebody holds the address")?;
    let machine = stage.rack.machine(holder)?;
    machine.cut()?;
    let cut = Instant::now();
    kube.until("answers", SOON, |kube| Ok(kube.ask(&["get", "--raw=/readyz"]).is_ok()), |ok| *ok)?;
    stage.says(&format!(
        "{holder} lost its power; the API answered {:.1} s later",
        cut.elapsed().as_secs_f64()
    ));
    machine.on()?;
    kube.until("Ready again", LINE, |kube| kube.node(holder), is_ready)?;
    Ok(())
}

fn two_at_once_take_turns(stage: &Stage) -> Result<()> {
    for name in [SECOND, THIRD] {
        text(stage.server.metalctl(&["machine", "reprovision", name, "--yes"])?)?;
    }
    stage.reaches(SECOND, "in RAM", |machine| machine.state == State::Inspecting)?;
    ensure!(stage.server.machine(THIRD)?.state == State::Draining, "{THIRD} waits for its turn");
    for name in [SECOND, THIRD] {
        stage.server.wait(name, "active again", GROWTH, |machine| {
            machine.state == State::Active && machine.generation == 2
        })?;
    }
    ensure!(voters(stage)? == 3, "etcd has three voters again");
    stage.says("two were made anew, one after the other; etcd has three voters");
    Ok(())
}

fn leaves(stage: &Stage, kube: &Kube, name: &str) -> Result<()> {
    let members = voters(stage)?;
    let reprovision = |_: &Kube| {
        let said = text(stage.server.metalctl(&["machine", "reprovision", name, "--yes"])?);
        Ok(said.map_err(|error| error.to_string()))
    };
    // Its etcd has just started with its new certificates.
    let busy = |said: &String| {
        said.contains("nobody says whether etcd can spare it") || said.contains("etcd has no quorum")
    };
    kube.until("an answer", LINE, reprovision, |said| !said.as_ref().is_err_and(busy))?
        .map_err(|no| anyhow!(no))?;
    stage.server.wait(name, "let go", GROWTH, |machine| machine.state == State::Inspecting)?;
    stage.rack.machine(name)?.cut()?;
    ensure!(kube.node(name)?.is_null(), "its Node is gone");
    ensure!(voters(stage)? == members - 1, "etcd has one voter less");
    ensure!(is_ready(&kube.node(WORKER)?), "{WORKER} serves on");
    stage.says(&format!("{name} left; etcd has {} voters", members - 1));
    Ok(())
}

/// Asked again as any client does: while a backend changes, the balancer ends connections.
fn keeps(kube: &Kube, name: &str) -> Result<()> {
    let made = |kube: &Kube| {
        let _ = kube.ask(&["create", "configmap", name]);
        Ok(kube.ask(&["get", "configmap", name]).is_ok())
    };
    kube.until("a ConfigMap that is kept", SOON, made, |there| *there).map(drop)
}

/// The commands are those of the page itself.
fn restores(stage: &Stage, kube: &Kube) -> Result<()> {
    let clusters = stage.server.client()?;
    let detail: ClusterDetail = stage.server.ask(clusters.cluster(cluster::NAME))?;
    let newest =
        detail.snapshots.iter().find(|s| s.file.contains(SECOND)).context("a snapshot before it left")?;
    keeps(kube, "after")?;
    let file = stage.server.state().join("snapshots").join(cluster::NAME).join(&newest.file);
    stage.copy(FIRST, &file, Path::new("/root/snapshot.db"))?;
    let address = stage.server.machine(FIRST)?.address.context("an address")?.to_string();
    let began = Instant::now();
    for commands in on_the_control_plane(include_str!("../../docs/cluster.md")) {
        stage.shell(FIRST, &format!("set -e\n{}", commands.replace("10.77.0.21", &address)))?;
    }
    let there =
        |name: &'static str| move |kube: &Kube| kube.json(&["get", "configmap", name, "--ignore-not-found"]);
    kube.until("what was there before", SOON, there("before"), |found| !found.is_null())?;
    ensure!(there("after")(kube)?.is_null(), "what came after the snapshot is gone");
    for name in [FIRST, WORKER] {
        stage.shell(name, "systemctl restart kubelet")?;
        kube.until("Ready", LINE, |kube| kube.node(name), is_ready)?;
    }
    ensure!(voters(stage)? == 1, "etcd has its one voter");
    stage.says(&format!("the snapshot {} was restored in {} s", newest.file, began.elapsed().as_secs()));
    Ok(())
}

/// The blocks of commands of the steps 2 to 4.
fn on_the_control_plane(page: &str) -> Vec<String> {
    let steps = page.split("### Restoring one").nth(1).unwrap_or_default();
    let steps = steps.split("\n2. ").nth(1).and_then(|rest| rest.split("\n5. ").next()).unwrap_or_default();
    let mut blocks = vec![String::new()];
    for line in steps.lines() {
        match line.strip_prefix("       ") {
            Some(command) => blocks.last_mut().into_iter().for_each(|b| *b += &format!("{command}\n")),
            None if line.trim().is_empty() => {}
            None => blocks.push(String::new()),
        }
    }
    blocks.into_iter().filter(|block| !block.is_empty()).collect()
}
