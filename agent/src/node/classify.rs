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
mod tests;
