//! Why kubeadm failed, told from its own words: a class, what usually causes it, and whether a second attempt may end
//! otherwise. The texts are those of kubeadm 1.36 and 1.37. Pure.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Token,
    CaMismatch,
    CertificateKey,
    Endpoint,
    Time,
    Kubelet,
    KubeletCertificate,
    ContainerRuntime,
    EtcdLearner,
    NameTaken,
    Preflight,
    Timeout,
    Other,
}

impl Class {
    /// What happened, and what usually causes it.
    pub const fn sentence(self) -> &'static str {
        match self {
            Class::Token => {
                "the cluster does not know the join token: it expired, or its API server is not the one it was made for"
            }
            Class::CaMismatch => {
                "the cluster's CA is not the one that the server knows: another cluster answers at the endpoint, or \
                 somebody is in between; nothing was joined"
            }
            Class::CertificateKey => {
                "the control planes' certificates could not be taken over: their Secret expired after two hours, or \
                 was encrypted with another key"
            }
            Class::Endpoint => {
                "the API server cannot be reached: no control plane is up, the load balancer has none, or a firewall \
                 is in between"
            }
            Class::Time => "the clocks of this machine and of the cluster are apart: look at NTP on both",
            Class::Kubelet => "the kubelet does not run: its own words tell why",
            Class::KubeletCertificate => {
                "the kubelet's request for a certificate was not signed in time: only a request of this machine's \
                 token, for its own name, is approved"
            }
            Class::ContainerRuntime => {
                "containerd does not do its part: it is down, or a container image is missing"
            }
            Class::EtcdLearner => {
                "etcd did not take the new member: its disks or its network are slow, or a member before it is \
                 unhealthy or was half added"
            }
            Class::NameTaken => {
                "a node of this name is Ready in the cluster: delete it, or give this machine another name"
            }
            Class::Preflight => "kubeadm's own checks refuse this machine",
            Class::Timeout => {
                "the control plane did not come up in time: too little memory or CPU, or a slow disk"
            }
            Class::Other => "kubeadm failed",
        }
    }

    /// Whether the same may end otherwise in a minute.
    pub const fn may_pass(self) -> bool {
        match self {
            Class::CaMismatch | Class::NameTaken | Class::Preflight => false,
            Class::Token
            | Class::CertificateKey
            | Class::Endpoint
            | Class::Time
            | Class::Kubelet
            | Class::KubeletCertificate
            | Class::ContainerRuntime
            | Class::EtcdLearner
            | Class::Timeout
            | Class::Other => true,
        }
    }
}

/// In this order: what is said last and what is most particular come first.
const SIGNS: [(&str, Class); 34] = [
    ("are pinned", Class::CaMismatch),
    ("invalid discovery token CA certificate hash", Class::CaMismatch),
    ("using validated TLS) was different from the first", Class::CaMismatch),
    ("is not yet valid", Class::Time),
    ("certificate signed by unknown authority", Class::CaMismatch),
    ("already exists in the cluster", Class::NameTaken),
    ("could not find a JWS signature", Class::Token),
    ("is invalid for this cluster or it has expired", Class::Token),
    ("failed to verify JWS signature", Class::Token),
    ("error downloading certs", Class::CertificateKey),
    ("failed while waiting for TLS bootstrap", Class::KubeletCertificate),
    ("failed while waiting for the kubelet to start", Class::Kubelet),
    ("[ERROR CRI]", Class::ContainerRuntime),
    ("[ERROR ImagePull]", Class::ContainerRuntime),
    ("[ERROR ContainerRuntimeVersion]", Class::ContainerRuntime),
    ("container runtime is not running", Class::ContainerRuntime),
    ("failed to create new CRI", Class::ContainerRuntime),
    ("preflight checks failed", Class::Preflight),
    ("error creating local etcd static pod manifest file", Class::EtcdLearner),
    ("error execution phase etcd-join", Class::EtcdLearner),
    ("error execution phase control-plane-join/etcd", Class::EtcdLearner),
    ("etcd cluster is not healthy", Class::EtcdLearner),
    ("etcdserver:", Class::EtcdLearner),
    ("failed while waiting for the control plane to start", Class::Timeout),
    ("Unauthorized", Class::Token),
    ("connection refused", Class::Endpoint),
    ("no route to host", Class::Endpoint),
    ("network is unreachable", Class::Endpoint),
    ("no such host", Class::Endpoint),
    ("i/o timeout", Class::Endpoint),
    ("failed to request the cluster-info ConfigMap", Class::Endpoint),
    ("unable to access the cluster", Class::Endpoint),
    ("context deadline exceeded", Class::Timeout),
    ("timed out waiting for the condition", Class::Timeout),
];

/// `lines`: what kubeadm printed, masked.
pub fn classify(lines: &[String]) -> Class {
    let telling = telling(lines);
    let found = SIGNS.into_iter().find(|(sign, _)| telling.iter().any(|line| line.contains(sign)));
    found.map_or(Class::Other, |(_, class)| class)
}

/// kubeadm's error, and the checks that it names before; else its last words.
pub fn telling(lines: &[String]) -> Vec<&str> {
    let spoken = |line: &&str| !line.is_empty() && !line.starts_with("To see the stack trace");
    let all: Vec<&str> = lines.iter().map(|l| l.trim()).filter(spoken).collect();
    let error = all.iter().position(|l| l.starts_with("error:") || l.starts_with("error execution"));
    let Some(error) = error else { return all[all.len().saturating_sub(3)..].to_vec() };
    let checks = all[..error].iter().filter(|l| l.starts_with("[ERROR "));
    checks.chain(all[error..].iter().take(4)).copied().collect()
}

/// What a person reads: the class, kubeadm's words, and the kubelet's where it has to do with it.
pub fn reason(class: Class, command: &str, lines: &[String], kubelet: &[String]) -> String {
    let mut reason = format!("{}; kubeadm {command} said: {}", class.sentence(), telling(lines).join(" | "));
    let matters = matches!(class, Class::Kubelet | Class::KubeletCertificate | Class::Timeout | Class::Other);
    if matters && !kubelet.is_empty() {
        reason += &format!("; the kubelet's last words: {}", kubelet.join(" | "));
    }
    reason
}

/// Of the kubelet's log, its last errors: klog begins them with E or F.
pub fn kubelet_words(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let grave = |line: &&&str| {
        let mut start = line.bytes();
        matches!(start.next(), Some(b'E' | b'F')) && start.next().is_some_and(|b| b.is_ascii_digit())
            || line.starts_with("Error:")
    };
    let mut words: Vec<&str> = lines.iter().rev().filter(grave).take(3).copied().collect();
    if words.is_empty() {
        words = lines.iter().rev().take(2).copied().collect();
    }
    words.into_iter().rev().map(|line| line.chars().take(400).collect()).collect()
}

#[cfg(test)]
mod tests {
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
        assert!(
            reason.ends_with("context deadline exceeded; the kubelet's last words: E1124 no"),
            "{reason}"
        );
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
}
