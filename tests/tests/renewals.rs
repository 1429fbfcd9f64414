//! Certificates that live for minutes are renewed in time, one control plane after the other, in a cluster of two. Takes
//! half an hour, so it belongs to `make test-long`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::cluster::ClusterDetail;
use lab::cluster;
use tests::kube::Kube;
use tests::planes::{FIRST, SECOND, begins, grows, machines};
use tests::server::evidence;
use tests::stage::{LINE, Stage};

/// Renewed when a third of it is left.
const SHORT: &str = "[cluster.lab.kubeadm.cluster_configuration]\ncertificateValidityPeriod = \"24m\"";

#[test]
#[ignore = "two machines for half an hour: make test-long runs it"]
fn certificates_are_renewed_in_time_one_control_plane_after_the_other() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "renewals")?;
    let table = cluster::TABLE.replace("[cluster.lab.kubeadm.cluster_configuration]", SHORT);
    let mut stage = Stage::up("renewals", &folder, cluster::RELEASE, &machines(), &table)?;
    begins(&mut stage, false)?;
    let kube = Kube::open(&stage.rack, &stage.server, cluster::NAME)?;
    grows(&mut stage, &kube, 3, SECOND)?;
    renews(&stage)?;
    no_two_at_once(&stage)
}

/// Each control plane's API server shows a younger certificate.
fn renews(stage: &Stage) -> Result<()> {
    for name in [FIRST, SECOND] {
        let old = expiry(stage, name)?;
        stage.says(&format!("the certificate of {name}'s API server ends at {}", api::words::moment(old)));
        stage.server.wait(name, "new certificates", Duration::from_secs(2700), |machine| {
            let certificates = machine.node.iter().flat_map(|node| &node.certificates);
            certificates.filter(|c| c.name == "apiserver").any(|c| c.not_after > old)
        })?;
        until_it_is_restarted(stage)?;
        stage.says(&format!("the certificates of {name} were renewed"));
    }
    Ok(())
}

/// What holds a certificate is restarted one after the other, etcd at last: without it two members have no quorum.
fn until_it_is_restarted(stage: &Stage) -> Result<()> {
    let end = Instant::now() + LINE;
    let client = stage.server.client()?;
    loop {
        let detail: ClusterDetail = stage.server.ask(client.cluster(cluster::NAME))?;
        let under_way = |task: &&api::cluster::ClusterTaskView| {
            task.kind == "renew" && matches!(task.state.as_str(), "queued" | "running")
        };
        let Some(task) = detail.tasks.iter().find(under_way) else { return Ok(()) };
        ensure!(Instant::now() < end, "the renewal did not end: {task:?}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn expiry(stage: &Stage, name: &str) -> Result<i64> {
    let node = stage.server.machine(name)?.node.with_context(|| format!("{name} is a node"))?;
    let own = node.certificates.iter().find(|certificate| certificate.name == "apiserver");
    Ok(own.with_context(|| format!("{name} tells of its certificates: {node:?}"))?.not_after)
}

/// Each restarts a member of etcd, and two members have a quorum only together.
fn no_two_at_once(stage: &Stage) -> Result<()> {
    let detail: ClusterDetail = stage.server.ask(stage.server.client()?.cluster(cluster::NAME))?;
    let mut renewals: Vec<(i64, i64)> =
        detail.tasks.iter().filter(|task| task.kind == "renew").map(|task| (task.created, task.at)).collect();
    renewals.sort_unstable();
    ensure!(renewals.len() >= 2, "a renewal each: {:?}", detail.tasks);
    ensure!(renewals.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two at once: {renewals:?}");
    Ok(())
}
