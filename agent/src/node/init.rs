//! What turns a control plane that kubeadm made into one that the server can use: kubeadm's own doors are closed, the
//! server gets its account, and is told how to use it. Each step may be repeated.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::client::Error;
use api::cluster::{ClusterAccess, JoinOrder};
use api::routes::agent::CLUSTER;
use reqwest::Method;

use super::{blocking, kubectl};
use crate::report::Report;
use crate::session::Session;

const CA: &str = "/etc/kubernetes/pki/ca.crt";

/// A controller writes an account's token; it has just started.
const TOKEN_PATIENCE: Duration = Duration::from_secs(300);

/// How long the server may be away with the cluster already made.
const SERVER_PATIENCE: Duration = Duration::from_secs(1800);

pub async fn complete(session: &Session, order: &JoinOrder, report: &Report) -> Result<()> {
    let (grant, reporting) = (order.grant.clone(), report.clone());
    let access = blocking(move || {
        reporting.phase("api server", 0);
        kubectl::patiently(&["get", "--raw=/readyz"], None, &reporting)
            .context("the API server is not ready")?;
        reporting.phase("grant", 0);
        close_doors(&reporting)?;
        if let Some(grant) = &grant {
            kubectl::apply(grant, &reporting).context("the server's account was not made")?;
        }
        access(&reporting)
    })
    .await?;
    tell(session, &access, report).await
}

/// kubeadm makes a token that lets anybody join for a day, and a rule by which any node is approved.
fn close_doors(report: &Report) -> Result<()> {
    let binding =
        ["delete", "clusterrolebinding", "kubeadm:node-autoapprove-bootstrap", "--ignore-not-found"];
    kubectl::patiently(&binding, None, report).context("kubeadm's approval of any node stays")?;
    let tokens = [
        "--namespace=kube-system",
        "delete",
        "secrets",
        "--field-selector=type=bootstrap.kubernetes.io/token",
        "--ignore-not-found",
    ];
    kubectl::patiently(&tokens, None, report).context("kubeadm's own join token stays")?;
    Ok(())
}

fn access(report: &Report) -> Result<ClusterAccess> {
    let ca_pem = fs::read_to_string(CA).with_context(|| format!("cannot read {CA}"))?;
    let ask = [
        "--namespace=metal-system",
        "get",
        "secret",
        "metald-token",
        "--output=go-template={{with .data}}{{with .token}}{{. | base64decode}}{{end}}{{end}}",
    ];
    let until = Instant::now() + TOKEN_PATIENCE;
    loop {
        let token = kubectl::patiently(&ask, None, report).context("the server's account has no token")?;
        if !token.trim().is_empty() {
            return Ok(ClusterAccess { ca_pem, token: token.trim().into() });
        }
        if Instant::now() >= until {
            bail!("the controller manager wrote no token for the server's account: see its log")
        }
        report.still_wanted()?;
        sleep(Duration::from_secs(1));
    }
}

async fn tell(session: &Session, access: &ClusterAccess, report: &Report) -> Result<()> {
    report.phase("report", 0);
    let until = Instant::now() + SERVER_PATIENCE;
    loop {
        match session.client.call::<serde_json::Value>(Method::PUT, CLUSTER, Some(access)).await {
            Ok(_) => return Ok(()),
            Err(error @ Error::Refused { status: 400..=499, .. }) => {
                return Err(error).context("the server does not take the new cluster");
            }
            Err(error) if Instant::now() >= until => return Err(error.into()),
            Err(error) => session.log.say(format!("the new cluster is not reported yet: {error:#}")),
        }
        report.still_wanted()?;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}
