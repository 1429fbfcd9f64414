//! Which kubelets are let in: every way in which a request can be somebody else's.

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec,
    CertificateSigningRequestStatus,
};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use server::cluster::approve::{Verdict, judge};
use server::store::NodeRow;

const NOW: i64 = 1_000_000;

fn node(name: &str, token: &str, expires: i64) -> NodeRow {
    NodeRow {
        machine: name.into(),
        cluster: "prod".into(),
        role: "worker".into(),
        generation: 1,
        name: name.into(),
        token_id: Some(token.into()),
        token_expires: Some(expires),
        fenced: false,
        forced: false,
        leaving: None,
        leave_ready: false,
        body: None,
        certificates: None,
    }
}

pub fn request(name: &str, group: &str, names: &[&str]) -> CertificateSigningRequest {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, group);
    params.distinguished_name.push(DnType::CommonName, name);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    let usages = ["digital signature", "client auth"].map(String::from).to_vec();
    CertificateSigningRequest {
        spec: CertificateSigningRequestSpec {
            request: ByteString(pem.into_bytes()),
            signer_name: "kubernetes.io/kube-apiserver-client-kubelet".into(),
            usages: Some(usages),
            username: Some("system:bootstrap:abcdef".into()),
            ..Default::default()
        },
        ..Default::default()
    }
}

fn left(request: &CertificateSigningRequest) -> String {
    let joining = [node("node01", "abcdef", NOW + 1), node("node02", "ghijkl", NOW + 1)];
    match judge(request, &joining, NOW) {
        Verdict::Leave(reason) => reason,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn token_name_and_machine_belong_together() {
    let joining = [node("node01", "abcdef", NOW + 1)];
    let right = request("system:node:node01", "system:nodes", &[]);
    assert_eq!(judge(&right, &joining, NOW), Verdict::Approve);
    let mut with_rsa = right.clone();
    with_rsa.spec.usages.as_mut().unwrap().push("key encipherment".into());
    assert_eq!(judge(&with_rsa, &joining, NOW), Verdict::Approve);
    let late = judge(&right, &joining, NOW + 2);
    assert_eq!(late, Verdict::Leave("the token abcdef of node01 has expired".into()));
    let revoked = [NodeRow { token_id: None, ..node("node01", "", NOW + 1) }];
    assert_eq!(
        judge(&right, &revoked, NOW),
        Verdict::Leave("the token abcdef was minted for no machine that joins".into())
    );
}

#[test]
fn a_token_is_good_for_its_own_machine_only() {
    let other = request("system:node:node02", "system:nodes", &[]);
    assert_eq!(left(&other), "it asks to be `system:node:node02`, and its token is of `system:node:node01`");
    let master = request("system:node:node01", "system:masters", &[]);
    assert!(left(&master).contains("system:masters"));
    let names = request("system:node:node01", "system:nodes", &["api.example.org"]);
    assert_eq!(left(&names), "it asks for extensions, such as other names");
    let mut serving = request("system:node:node01", "system:nodes", &[]);
    serving.spec.usages = Some(vec!["server auth".into(), "client auth".into()]);
    assert!(left(&serving).contains("server auth"));
    let mut garbage = request("system:node:node01", "system:nodes", &[]);
    garbage.spec.request = ByteString(b"garbage".to_vec());
    assert!(left(&garbage).starts_with("its request is not readable"));
}

#[test]
fn others_requests_are_not_ours() {
    let joining = [node("node01", "abcdef", NOW + 1)];
    let right = request("system:node:node01", "system:nodes", &[]);
    let mut renewal = right.clone();
    renewal.spec.username = Some("system:node:node01".into());
    let mut signer = right.clone();
    signer.spec.signer_name = "kubernetes.io/kube-apiserver-client".into();
    let mut decided = right.clone();
    let condition = CertificateSigningRequestCondition { type_: "Denied".into(), ..Default::default() };
    decided.status =
        Some(CertificateSigningRequestStatus { conditions: Some(vec![condition]), ..Default::default() });
    for request in [renewal, signer, decided] {
        assert_eq!(judge(&request, &joining, NOW), Verdict::NotOurs);
    }
}
