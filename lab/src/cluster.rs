//! Kubernetes in a rack of emulated machines: what its machines are made of, and the table of the site file that makes
//! it bearable there. Demonstration and tests share them; none of these settings belongs on metal. Pure.

use crate::hardware::Hardware;

/// The image of the profiles whose machines become nodes.
pub const IMAGE: &str = "debian-12-kubernetes-1.36";
pub const RELEASE: &str = "1.36";
/// The one after it, whose image is built when it is asked for.
pub const NEXT: &str = "1.37";
/// The cluster's name in [`TABLE`].
pub const NAME: &str = "lab";
/// The API server's, outside the pool. The network is `10.77.0.0/24`.
pub const ENDPOINT: &str = "10.77.0.10:8443";

/// An emulated processor is ten times slower than a real one. What waits is given time; what asks again and again
/// asks less often; elections are not called because a disk was slow.
pub const TABLE: &str = r#"
[cluster.lab]
kubernetes = "1.36"
endpoint = "10.77.0.10:8443"
schedule_on_control_planes = true

[cluster.lab.kubeadm.cluster_configuration]
etcd.local.extraArgs = [
    { name = "heartbeat-interval", value = "1000" },
    { name = "election-timeout", value = "10000" },
]
controllerManager.extraArgs = [
    { name = "leader-elect-lease-duration", value = "60s" },
    { name = "leader-elect-renew-deadline", value = "40s" },
    { name = "leader-elect-retry-period", value = "5s" },
]
scheduler.extraArgs = [
    { name = "leader-elect-lease-duration", value = "60s" },
    { name = "leader-elect-renew-deadline", value = "40s" },
    { name = "leader-elect-retry-period", value = "5s" },
]

[cluster.lab.kubeadm.init_configuration]
nodeRegistration.kubeletExtraArgs = [{ name = "housekeeping-interval", value = "60s" }]

[cluster.lab.kubeadm.init_configuration.timeouts]
controlPlaneComponentHealthCheck = "15m"
kubeletHealthCheck = "10m"
kubernetesAPICall = "5m"
etcdAPICall = "5m"

[cluster.lab.kubeadm.join_configuration]
nodeRegistration.kubeletExtraArgs = [{ name = "housekeeping-interval", value = "60s" }]

[cluster.lab.kubeadm.join_configuration.timeouts]
controlPlaneComponentHealthCheck = "15m"
kubeletHealthCheck = "10m"
kubernetesAPICall = "5m"
etcdAPICall = "5m"
tlsBootstrap = "15m"

[cluster.lab.kubeadm.patches]
"kube-apiserver+strategic.json" = '''
{"spec": {"containers": [{"name": "kube-apiserver", "env": [{"name": "GOGC", "value": "400"}],
  "livenessProbe": {"periodSeconds": 60}, "readinessProbe": {"periodSeconds": 30}}]}}'''
"kube-controller-manager+strategic.json" = '''
{"spec": {"containers": [{"name": "kube-controller-manager", "env": [{"name": "GOGC", "value": "400"}],
  "livenessProbe": {"periodSeconds": 60}}]}}'''
"kube-scheduler+strategic.json" = '''
{"spec": {"containers": [{"name": "kube-scheduler", "env": [{"name": "GOGC", "value": "400"}],
  "livenessProbe": {"periodSeconds": 60}, "readinessProbe": {"periodSeconds": 30}}]}}'''
"etcd+strategic.json" = '''
{"spec": {"containers": [{"name": "etcd", "env": [{"name": "GOGC", "value": "400"}],
  "resources": {"requests": {"cpu": "500m"}},
  "livenessProbe": {"periodSeconds": 60}, "readinessProbe": {"periodSeconds": 30}}]}}'''
"#;

/// Of the profiles. Under emulation the kernel holds the TSC for unsteady, and each look at the clock then leaves the
/// guest; Kubernetes looks at it all the time, and asks to be woken between the ticks. And there are no neighbours
/// here to be guarded against.
pub const KERNEL_ARGUMENTS: &str = r#"["tsc=reliable", "clocksource=tsc", "highres=off", "mitigations=off"]"#;

/// What `kubeadm init` asks for at least is two processors; the memory is what its components fill.
pub fn control_plane(hardware: Hardware) -> Hardware {
    Hardware { cpus: 2, memory_mb: 3072, ..hardware }
}

pub fn worker(hardware: Hardware) -> Hardware {
    Hardware { cpus: 2, memory_mb: 2048, ..hardware }
}
