//! Clusters of several control planes, as far as tests share them: who there is, and how a cluster grows.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::state::State;

use crate::kube::{Kube, is_ready};
use crate::stage::Stage;

pub const FIRST: &str = "node01";
pub const WORKER: &str = "node02";
pub const SECOND: &str = "node03";
pub const THIRD: &str = "node04";

/// A second member of etcd catches up beside two other machines.
pub const GROWTH: Duration = Duration::from_secs(1200);

/// One control plane and, where it is asked for, the worker, all the way up.
pub fn begins(stage: &mut Stage, worker: bool) -> Result<()> {
    stage.control_plane(1)?.on()?;
    stage.approve(FIRST)?;
    stage.reaches(FIRST, "joining", |machine| machine.state == State::Joining)?;
    if worker {
        stage.worker(2)?.on()?;
    }
    for name in if worker { vec![FIRST, WORKER] } else { vec![FIRST] } {
        stage.reaches(name, "active", |machine| machine.state == State::Active)?;
    }
    Ok(())
}

pub fn machines() -> String {
    let table = |(number, name): (u8, &str)| {
        let role = if name == WORKER { "worker" } else { "control-plane" };
        format!(
            "\n[[machine]]\nname = \"{name}\"\nmacs = [\"52:54:00:77:00:{number:02x}\"]\nprofile = \"node\"\n\
             role = \"{role}\"\n"
        )
    };
    (1..).zip([FIRST, WORKER, SECOND, THIRD]).map(table).collect()
}

pub fn grows(stage: &mut Stage, kube: &Kube, number: u8, name: &str) -> Result<()> {
    let members = voters(stage)?;
    stage.control_plane(number)?.on()?;
    stage.approve(name)?;
    stage.server.wait(name, "active", GROWTH, |machine| machine.state == State::Active)?;
    ensure!(is_ready(&kube.node(name)?), "the API server calls {name} Ready");
    ensure!(voters(stage)? == members + 1, "etcd has one more voter");
    stage.says(&format!("{name} is a control plane too; etcd has {} voters", members + 1));
    Ok(())
}

pub fn voters(stage: &Stage) -> Result<usize> {
    let list = stage.shell(
        FIRST,
        "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt \
         --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt \
         --key=/etc/kubernetes/pki/etcd/healthcheck-client.key --command-timeout=60s member list",
    )?;
    Ok(list.lines().filter(|line| line.contains("started") && line.ends_with("false")).count())
}
