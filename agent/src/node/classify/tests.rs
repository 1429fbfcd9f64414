//! kubeadm's words and what they mean.

use super::*;

fn lines(text: &str) -> Vec<String> {
    text.lines().map(Into::into).collect()
}

/// As kubeadm 1.36.3 composes them.
const SAID: [(&str, Class); 17] = [
    (
        "error: error execution phase preflight: couldn't validate the identity of the API Server: could not find \
         a JWS signature in the cluster-info ConfigMap for token ID \"abcdef\"",
        Class::Token,
    ),
    (
        "error: error execution phase preflight: couldn't validate the identity of the API Server: cluster CA \
         found in cluster-info ConfigMap is invalid: none of the public keys \"sha256:ab\" are pinned",
        Class::CaMismatch,
    ),
    (
        "error: error execution phase preflight: couldn't validate the identity of the API Server: failed to \
         request the cluster-info ConfigMap: Get \"https://10.77.0.10:8443/api/v1/namespaces/kube-public/configmaps\
         /cluster-info?timeout=10s\": dial tcp 10.77.0.10:8443: connect: connection refused",
        Class::Endpoint,
    ),
    (
        "error: error execution phase preflight: couldn't validate the identity of the API Server: failed to \
         request the cluster-info ConfigMap: Get \"https://10.77.0.10:8443/api/v1/namespaces/kube-public/configmaps\
         /cluster-info?timeout=10s\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        Class::Endpoint,
    ),
    (
        "error: error execution phase preflight: couldn't validate the identity of the API Server: failed to \
         request the cluster-info ConfigMap: Get \"https://a:8443/\": tls: failed to verify certificate: x509: \
         certificate has expired or is not yet valid: current time 2010-01-01T00:00:12Z is before \
         2026-11-24T09:00:00Z",
        Class::Time,
    ),
    (
        "error: error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: failed to get \
         config map: Unauthorized",
        Class::Token,
    ),
    (
        "error: error execution phase control-plane-prepare/download-certs: error downloading certs: error \
         downloading the secret: Secret \"kubeadm-certs\" was not found in the \"kube-system\" Namespace. This \
         Secret might have expired.",
        Class::CertificateKey,
    ),
    (
        "error: error execution phase control-plane-prepare/download-certs: error downloading certs: error \
         decoding secret data with provided key: cipher: message authentication failed",
        Class::CertificateKey,
    ),
    (
        "error: error execution phase kubelet-wait-bootstrap: failed while waiting for TLS bootstrap: context \
         deadline exceeded",
        Class::KubeletCertificate,
    ),
    (
        "error: error execution phase wait-control-plane: failed while waiting for the kubelet to start: The HTTP \
         call equal to 'curl -sSL http://127.0.0.1:10248/healthz' returned error: Get \
         \"http://127.0.0.1:10248/healthz\": dial tcp 127.0.0.1:10248: connect: connection refused",
        Class::Kubelet,
    ),
    (
        "error: error execution phase wait-control-plane: failed while waiting for the control plane to start: \
         kube-apiserver check failed at https://10.77.0.11:6443/livez: Get \
         \"https://10.77.0.11:6443/livez?timeout=10s\": dial tcp 10.77.0.11:6443: connect: connection refused",
        Class::Timeout,
    ),
    (
        "error: error execution phase etcd-join: error creating local etcd static pod manifest file: context \
         deadline exceeded",
        Class::EtcdLearner,
    ),
    (
        "error: error execution phase etcd-join: error creating local etcd static pod manifest file: etcdserver: \
         can only promote a learner member which is in sync with leader",
        Class::EtcdLearner,
    ),
    (
        "error: error execution phase kubelet-start: a Node with name \"node07\" and status \"Ready\" already \
         exists in the cluster. You must delete the existing Node or change the name of this new joining Node",
        Class::NameTaken,
    ),
    (
        "[preflight] Some fatal errors occurred:\n\t[ERROR CRI]: could not connect to the container runtime: \
         failed to create new CRI runtime service: validate service connection\n[preflight] If you know\nerror: \
         error execution phase preflight: preflight checks failed",
        Class::ContainerRuntime,
    ),
    (
        "[preflight] Some fatal errors occurred:\n\t[ERROR Mem]: the system RAM (900 MB) is less than the minimum \
         1700 MB\nerror: error execution phase preflight: preflight checks failed",
        Class::Preflight,
    ),
    ("panic: runtime error", Class::Other),
];

#[test]
fn kubeadms_words_have_a_class() {
    for (text, class) in SAID {
        assert_eq!(classify(&lines(text)), class, "{text}");
    }
}

/// An image pull that was refused before and then worked is not what failed.
#[test]
fn what_went_wrong_before_and_passed_is_not_the_cause() {
    let text = "W1124 connection refused, will retry\n[kubelet-start] Starting the kubelet\n\
                error: error execution phase kubelet-wait-bootstrap: failed while waiting for TLS bootstrap: \
                context deadline exceeded\nTo see the stack trace of this error execute with --v=5 or higher";
    let said = lines(text);
    assert_eq!(classify(&said), Class::KubeletCertificate);
    let reason = reason(Class::KubeletCertificate, "join", &said, &["E1124 no".into()]);
    assert!(reason.contains("was not signed in time"), "{reason}");
    assert!(reason.ends_with("context deadline exceeded; the kubelet's last words: E1124 no"), "{reason}");
}

#[test]
fn all_checks_that_failed_are_told() {
    let said = lines(
        "[preflight] x\n\t[ERROR A]: a\n\t[ERROR B]: b\n[preflight] If\nerror: preflight checks failed",
    );
    assert_eq!(telling(&said), ["[ERROR A]: a", "[ERROR B]: b", "error: preflight checks failed"]);
    assert_eq!(telling(&lines("a\nb\n\nc\nd")), ["b", "c", "d"]);
    assert_eq!(telling(&[]), [""; 0]);
}

#[test]
fn the_kubelets_errors_come_before_its_chatter() {
    let log = "I1124 a\nE1124 10:00:00 one\nI1124 b\nE1124 10:00:01 two\nI1124 c\n";
    assert_eq!(kubelet_words(log), ["E1124 10:00:00 one", "E1124 10:00:01 two"]);
    assert_eq!(kubelet_words("I1124 a\nI1124 b\nI1124 c"), ["I1124 b", "I1124 c"]);
    assert_eq!(
        kubelet_words("Error: failed to load kubelet config file"),
        ["Error: failed to load kubelet config file"]
    );
    assert_eq!(kubelet_words(""), [""; 0]);
}
