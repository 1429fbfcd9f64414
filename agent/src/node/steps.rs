//! Steps for the cluster, done by the agent of a control plane. Each may be given again, here or to another control
//! plane, after it was broken off.

mod renew;
mod sign;
mod upload;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::client::Error;
use api::cluster::{ClusterResult, ClusterStep, NodeFile};
use api::routes::agent;
use reqwest::Method;

use super::etcd::{self, Etcdctl};
use super::files::SecretFile;
use super::{ADMIN_CONF, blocking, documents, files, found, kubeadm, kubectl, node_report, settle};
use crate::command;
use crate::report::Report;
use crate::session::Session;

/// The server holds its word on the task for a minute.
const RESULT_PATIENCE: Duration = Duration::from_secs(120);

pub async fn step(session: &Session, task: &str, step: ClusterStep, report: &Report) -> Result<()> {
    ensure!(Path::new(ADMIN_CONF).exists(), "this machine is no control plane: it has no {ADMIN_CONF}");
    report.phase(step.kind(), 0);
    let (reporting, log) = (report.clone(), session.log.clone());
    match step {
        ClusterStep::Apply { name, manifest } => {
            blocking(move || {
                kubectl::apply(&manifest, &reporting).with_context(|| format!("{name} was not applied"))
            })
            .await
        }
        ClusterStep::UploadCertificates { certificate_key } => {
            upload_certificates(session, &certificate_key, report).await
        }
        ClusterStep::Members => {
            let members = blocking(|| etcd::members(&Etcdctl::default())).await?;
            tell(session, task, &ClusterResult::Members { members }, report).await
        }
        ClusterStep::RemoveMember { name } => {
            blocking(move || etcd::remove(&Etcdctl::default(), &name, &log)).await
        }
        ClusterStep::Snapshot => upload::snapshot(session, task, report).await,
        ClusterStep::Sign { csr_pem, user, group, seconds } => {
            let name = format!("metal-{}", task.to_lowercase());
            let request = sign::Request { name, csr_pem, user, group, seconds };
            let certificate_pem = blocking(move || sign::sign(&request, &reporting)).await?;
            tell(session, task, &ClusterResult::Certificate { certificate_pem }, report).await
        }
        ClusterStep::Renew => {
            node_report::hold(Path::new("/"))?;
            kubeadm::run(&["certs", "renew", "all"], report, &log).await?;
            settle().await?;
            blocking(move || renew::restart_all(&reporting, &log)).await?;
            node_report::let_go(Path::new("/"))?;
            node_report::tell(session).await;
            Ok(())
        }
        ClusterStep::Balance { files, services } => blocking(move || balance(&files, &services)).await,
    }
}

/// The key goes by a file that only root may read: arguments are everybody's.
async fn upload_certificates(session: &Session, certificate_key: &str, report: &Report) -> Result<()> {
    let version = blocking(|| Ok(found::version())).await?;
    let text = documents::render(&documents::for_upload(certificate_key, &version));
    let config = SecretFile::write("upload-certs.yaml", &text)?;
    let path = config.path();
    let arguments = [
        "init",
        "phase",
        "upload-certs",
        "--upload-certs",
        "--skip-certificate-key-print",
        "--config",
        &path,
    ];
    kubeadm::run(&arguments, report, &session.log).await
}

/// A load balancer whose settings are the same keeps its connections.
fn balance(files: &[NodeFile], services: &[String]) -> Result<()> {
    let changed = files::write_all(files)?;
    for service in services {
        command::run("systemctl", ["enable", service])?;
        let verb = if changed { "reload-or-restart" } else { "start" };
        command::run("systemctl", [verb, service])
            .with_context(|| format!("cannot {verb} {service}: see `journalctl -u {service}`"))?;
    }
    Ok(())
}

/// Before the outcome: a step that is done has its result.
async fn tell(session: &Session, task: &str, result: &ClusterResult, report: &Report) -> Result<()> {
    let (path, until) = (agent::result(task), Instant::now() + RESULT_PATIENCE);
    loop {
        match session.client.call::<serde_json::Value>(Method::PUT, &path, Some(result)).await {
            Ok(_) => return Ok(()),
            Err(error @ Error::Refused { status: 400..=499, .. }) => {
                return Err(error).context("the server does not take the result");
            }
            Err(error) if Instant::now() >= until => return Err(error.into()),
            Err(_) => report.still_wanted()?,
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
