//! Has the cluster sign a client certificate. What is asked for must be what the server meant: the cluster takes user
//! and groups from the request alone.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use crate::node::kubectl;
use crate::report::Report;

const PATIENCE: Duration = Duration::from_secs(120);

pub struct Request {
    /// Of the CertificateSigningRequest, which is deleted when it has served.
    pub name: String,
    pub csr_pem: String,
    pub user: String,
    pub group: String,
    pub seconds: u32,
}

pub fn sign(request: &Request, report: &Report) -> Result<String> {
    verify(request)?;
    let delete = || {
        let arguments = ["delete", "certificatesigningrequest", &request.name, "--ignore-not-found"];
        kubectl::patiently(&arguments, None, report).context("the request for a certificate stays")
    };
    delete()?;
    let signed = ask(request, report);
    delete()?;
    signed
}

/// One user, one group, and nothing else.
fn verify(request: &Request) -> Result<()> {
    let (_, pem) = parse_x509_pem(request.csr_pem.as_bytes()).context("the request is not PEM")?;
    let (_, csr) =
        X509CertificationRequest::from_der(&pem.contents).context("this is no request for a certificate")?;
    let subject = &csr.certification_request_info.subject;
    let users = words(subject.iter_common_name())?;
    let groups = words(subject.iter_organization())?;
    ensure!(
        users == [request.user.as_str()] && groups == [request.group.as_str()],
        "the request is for user {users:?} in {groups:?}, and {} in {} was allowed",
        request.user,
        request.group
    );
    Ok(())
}

fn words<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Result<Vec<&'a str>> {
    let words: Result<Vec<&str>, _> = attributes.map(|a| a.as_str()).collect();
    words.context("a name in the request is no text")
}

fn ask(request: &Request, report: &Report) -> Result<String> {
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": request.name},
        "spec": {
            "request": STANDARD.encode(&request.csr_pem),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
            "expirationSeconds": request.seconds,
        },
    });
    kubectl::apply(&object.to_string(), report)?;
    kubectl::patiently(&["certificate", "approve", &request.name], None, report)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let certificate = kubectl::patiently(
            &[
                "get",
                "certificatesigningrequest",
                &request.name,
                "--output=go-template={{with .status}}{{with .certificate}}{{. | base64decode}}{{end}}{{end}}",
            ],
            None,
            report,
        )?;
        if !certificate.trim().is_empty() {
            return Ok(certificate);
        }
        if Instant::now() >= until {
            bail!(
                "the cluster did not sign within {} s: see the controller manager's log",
                PATIENCE.as_secs()
            );
        }
        sleep(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn request(user: &str, groups: &[&str]) -> Request {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        let csr = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
        Request {
            name: "metal-1".into(),
            csr_pem: csr.pem().unwrap(),
            user: "anna".into(),
            group: "metal:viewer".into(),
            seconds: 3600,
        }
    }

    #[test]
    fn only_what_was_allowed_is_signed() {
        verify(&request("anna", &["metal:viewer"])).unwrap();
        for (user, groups) in [("root", &["metal:viewer"][..]), ("anna", &["metal:admin"]), ("anna", &[])] {
            let error = verify(&request(user, groups)).unwrap_err();
            assert!(error.to_string().contains("was allowed"), "{error}");
        }
        let garbage = Request { csr_pem: "x".into(), ..request("anna", &["metal:viewer"]) };
        assert!(verify(&garbage).is_err());
    }
}
