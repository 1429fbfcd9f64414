//! Whether a kubelet's request for its client certificate is approved: only where token, name and machine belong
//! together. kubeadm's own rule, any name for any token, is taken out of our clusters. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use crate::store::NodeRow;

const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const BOOTSTRAP: &str = "system:bootstrap:";
const GROUP: &str = "system:nodes";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    /// Another signer's, another requester's, or decided already.
    NotOurs,
    /// A kubelet asks with a bootstrap token, and something does not fit.
    Leave(String),
}

/// `joining`: the cluster's nodes whose machines join now.
pub fn judge(request: &CertificateSigningRequest, joining: &[NodeRow], now: i64) -> Verdict {
    let spec = &request.spec;
    let conditions = request.status.as_ref().and_then(|status| status.conditions.as_ref());
    let decided = conditions.is_some_and(|conditions| !conditions.is_empty());
    let requester = spec.username.as_deref().and_then(|user| user.strip_prefix(BOOTSTRAP));
    let (Some(token), SIGNER, false) = (requester, spec.signer_name.as_str(), decided) else {
        return Verdict::NotOurs;
    };
    match fits(request, token, joining, now) {
        Ok(()) => Verdict::Approve,
        Err(reason) => Verdict::Leave(reason),
    }
}

fn fits(
    request: &CertificateSigningRequest,
    token: &str,
    joining: &[NodeRow],
    now: i64,
) -> Result<(), String> {
    let node = joining
        .iter()
        .find(|node| node.token_id.as_deref() == Some(token))
        .ok_or_else(|| format!("the token {token} was minted for no machine that joins"))?;
    if node.token_expires.is_none_or(|expires| now > expires) {
        return Err(format!("the token {token} of {} has expired", node.name));
    }
    usages(request.spec.usages.as_deref().unwrap_or_default())?;
    let (name, groups) = subject(&request.spec.request.0)?;
    let wanted = format!("system:node:{}", node.name);
    if name != wanted {
        return Err(format!("it asks to be `{name}`, and its token is of `{wanted}`"));
    }
    if groups != [GROUP] {
        return Err(format!("it asks for the groups {groups:?} instead of {GROUP} alone"));
    }
    Ok(())
}

fn usages(usages: &[String]) -> Result<(), String> {
    let found: BTreeSet<&str> = usages.iter().map(String::as_str).collect();
    // RSA keys come with the third, elliptic ones without.
    let allowed = BTreeSet::from(["digital signature", "key encipherment", "client auth"]);
    match found.is_subset(&allowed) && found.contains("client auth") {
        true => Ok(()),
        false => Err(format!("it asks for the usages {usages:?}")),
    }
}

/// Common name and organisations of a PKCS #10 request that names nothing else.
fn subject(pem: &[u8]) -> Result<(String, Vec<String>), String> {
    let unreadable = |what: &dyn std::fmt::Display| format!("its request is not readable: {what}");
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|error| unreadable(&error))?;
    let (_, request) =
        X509CertificationRequest::from_der(&pem.contents).map_err(|error| unreadable(&error))?;
    if request.requested_extensions().is_some_and(|extensions| extensions.count() > 0) {
        return Err("it asks for extensions, such as other names".into());
    }
    let subject: &X509Name = &request.certification_request_info.subject;
    let text = |attribute: &x509_parser::x509::AttributeTypeAndValue| {
        attribute.as_str().map(str::to_string).map_err(|error| unreadable(&error))
    };
    let names: Vec<String> = subject.iter_common_name().map(text).collect::<Result<_, _>>()?;
    let groups = subject.iter_organization().map(text).collect::<Result<_, _>>()?;
    match names.as_slice() {
        [name] => Ok((name.clone(), groups)),
        _ => Err("it has no single common name".into()),
    }
}
