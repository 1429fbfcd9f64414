//! One task, done: which file does what the server asks for.

use anyhow::{Context, Result};
use api::agent::{Certificate, CertificateRequest};
use api::plan::Plan;
use api::routes::agent::CERTIFICATE;
use api::state::Home;
use api::task::{Task, Work};
use reqwest::Method;

use crate::install::{self, Install, Membership};
use crate::report::Report;
use crate::session::Session;
use crate::{clock, credentials, node, partition, rescue, wipe};

pub async fn perform(session: &Session, task: Task, report: &Report) -> Result<()> {
    match task.work {
        Work::Inspect => {
            report.phase("inventory", 0);
            session.report_facts().await
        }
        Work::Partition { plan, hash } => {
            only_in_ram(session)?;
            let (machine, report, log) = (session.machine.clone(), report.clone(), session.log.clone());
            let work = move || partition::run(&plan, &hash, &machine, &report, &log);
            tokio::task::spawn_blocking(work).await.context("the partitioning thread died")?
        }
        Work::Install { plan, hash, setup } => {
            only_in_ram(session)?;
            let membership = membership(session, &plan).await?;
            let (report, log) = (report.clone(), session.log.clone());
            install::run(Install { plan: *plan, hash, setup: *setup, membership, report, log }).await
        }
        Work::Wipe { plan, hash, record } => {
            only_in_ram(session)?;
            wipe::run(session, &task.id, (&plan, &hash, &record), report).await
        }
        Work::Rescue { authorized_keys } => {
            only_in_ram(session)?;
            rescue::run(&authorized_keys, report, &session.log).await
        }
        Work::Join { order } => {
            only_on_disk(session)?;
            node::join(session, &order, report).await
        }
        Work::Leave => {
            only_on_disk(session)?;
            node::leave(report, &session.log).await
        }
        Work::Cluster { step } => {
            only_on_disk(session)?;
            node::step(session, &task.id, *step, report).await
        }
        // The session itself goes down, because the outcome has to be told before.
        Work::Reboot { .. } | Work::PowerOff => Ok(()),
    }
}

/// A system that runs from a disk is not going to erase one or open it to others, whoever asks.
fn only_in_ram(session: &Session) -> Result<()> {
    anyhow::ensure!(session.home == Home::Ram, "this agent runs from an installed disk and writes to none");
    Ok(())
}

/// A node is what an installed system becomes; in RAM there is nothing to become one.
fn only_on_disk(session: &Session) -> Result<()> {
    anyhow::ensure!(session.home == Home::Disk, "this agent runs in RAM, where no node can live");
    Ok(())
}

/// The installed agent gets a key that never leaves this machine.
async fn membership(session: &Session, plan: &Plan) -> Result<Membership> {
    let request = credentials::request()?;
    let asked = CertificateRequest { csr_pem: request.csr_pem, generation: plan.generation };
    let certificate: Certificate = session
        .call(Method::POST, CERTIFICATE, Some(&asked))
        .await
        .context("the server gave no certificate for the installed system")?
        .context("the server answered the request for a certificate with nothing")?;
    let server = &session.server;
    Ok(Membership {
        server: server.server.clone(),
        boot: server.boot.clone(),
        ca_pem: server.ca_pem.clone(),
        ca_sha256: server.ca_sha256.clone(),
        machine: session.machine.clone(),
        generation: plan.generation,
        key_pem: request.key_pem,
        certificate_pem: certificate.certificate_pem,
        time: clock::now(),
    })
}
