//! Restarts what reads a control plane's certificates only when it starts. Its containers are ended one at a time, and the
//! kubelet starts each again; manifests stay where they are, so that a break leaves nothing behind.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::log::Log;
use crate::node::etcd::{self, Etcdctl};
use crate::node::{api_server, containers};
use crate::report::Report;

/// Until a container that was ended runs again; the kubelet waits longer each time one ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// What others need first.
const PODS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

pub fn restart_all(report: &Report, log: &Log) -> Result<()> {
    for pod in PODS {
        report.phase(&format!("restart {pod}"), 0);
        let before = containers::named(pod)?;
        containers::end(&before);
        wait(report, || containers::named(pod).is_ok_and(|now| now.iter().any(|c| !before.contains(c))))
            .with_context(|| format!("{pod} did not start again after its certificates were renewed"))?;
        wait(report, || is_well(pod))
            .with_context(|| format!("{pod} is not well after its certificates were renewed"))?;
        log.say(format!("{pod} runs with its new certificates"));
    }
    Ok(())
}

fn is_well(pod: &str) -> bool {
    match pod {
        "etcd" => etcd::members(&Etcdctl::default()).is_ok_and(|members| members.iter().any(|m| m.healthy)),
        _ => api_server::is_ready(),
    }
}

fn wait(report: &Report, done: impl Fn() -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() >= until {
            bail!("not within {} s", PATIENCE.as_secs());
        }
        report.still_wanted()?;
        sleep(Duration::from_secs(2));
    }
    Ok(())
}
