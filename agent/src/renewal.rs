//! Renews the installed agent's certificate monthly: it is good for a year, and nothing may stop working because a year
//! went by.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use api::agent::{Certificate, CertificateRequest};
use api::client::Client;
use api::routes::agent::CERTIFICATE;

use crate::log::Log;
use crate::{clock, credentials, installed};

const MONTH: i64 = 30 * 86_400 * 1_000_000;

const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Returns when a new certificate is on the disk: the agent starts anew with it.
pub async fn run(client: &Client, generation: i64, root: &Path, log: &Log) {
    loop {
        if is_due(root) {
            match renew(client, generation, root).await {
                Ok(()) => return,
                Err(error) => log.say(format!("the certificate was not renewed: {error:#}")),
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_due(root: &Path) -> bool {
    let written = fs::metadata(root.join(installed::CERTIFICATE)).and_then(|m| m.modified());
    written.is_ok_and(|written| clock::now() - clock::micros(written) > MONTH)
}

/// The key stays: it never left this machine.
async fn renew(client: &Client, generation: i64, root: &Path) -> Result<()> {
    let csr_pem = credentials::request_for(&installed::credential(root, installed::KEY)?)?;
    let asked = CertificateRequest { csr_pem, generation };
    let renewed: Option<Certificate> = client.post(CERTIFICATE, &asked).await?;
    let renewed = renewed.context("the server answered with nothing")?;
    let path = root.join(installed::CERTIFICATE);
    // By a rename: a power cut leaves the old one or the new one.
    let new = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        fs::write(&new, &renewed.certificate_pem)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, &path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_certificate_is_renewed_after_a_month() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_due(root.path()), "there is none");
        let path = root.path().join(installed::CERTIFICATE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        assert!(!is_due(root.path()));
        let old = SystemTime::now() - Duration::from_secs(31 * 86_400);
        fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert!(is_due(root.path()));
    }
}
