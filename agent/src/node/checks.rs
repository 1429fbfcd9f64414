//! Whether a machine can become the node that the order describes, judged from what was found on it. All that stands in
//! the way is told at once, each with a name and what to do. Pure.

use api::cluster::{JoinOrder, Role};

/// Beyond this, certificates that were made a moment ago are "not yet valid" on the other side.
const TOLERATED_MS: i64 = 5_000;

/// What the machine looks like after everything that can be set right was set right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Devices that swap right now.
    pub swaps: Vec<String>,
    /// Swap of the system's own fstab, which would come back with the next boot.
    pub swap_in_fstab: Vec<String>,
    pub modules_missing: Vec<String>,
    /// Settings of the kernel that are not 1.
    pub sysctls_wrong: Vec<String>,
    pub cgroup_v2: bool,
    /// Whether containerd puts containers under systemd's cgroups.
    pub systemd_driver: bool,
    /// What containerd answered instead of its version.
    pub runtime: Option<String>,
    pub images_missing: Vec<String>,
    /// This clock minus the server's; None where the server did not answer.
    pub clock_error_ms: Option<i64>,
    /// What the node's name means here.
    pub resolves_to: Vec<String>,
    /// Whether the node's address is one of this machine's.
    pub has_address: bool,
    /// What became of a connection to the endpoint, where it failed.
    pub endpoint: Option<String>,
    /// Ports that a node needs, and the program that holds each.
    pub ports_taken: Vec<(u16, String)>,
    pub memory: u64,
    pub cpus: u32,
    /// Bytes free below /var.
    pub disk: u64,
    /// As kubeadm prints it, such as `v1.36.3`.
    pub kubeadm: String,
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hindrance {
    pub name: &'static str,
    /// What was found, and what to do.
    pub sentence: String,
}

pub fn judge(found: &Found, order: &JoinOrder) -> Vec<Hindrance> {
    let mut hindrances = Vec::new();
    let mut wrong = |is: bool, name, sentence: String| {
        if is {
            hindrances.push(Hindrance { name, sentence });
        }
    };
    system(found, &mut wrong);
    runtime(found, order, &mut wrong);
    network(found, order, &mut wrong);
    size(found, order, &mut wrong);
    hindrances
}

/// The ports that must be free, by role. The API server's own may be elsewhere.
pub fn ports(order: &JoinOrder, api_server: u16) -> Vec<u16> {
    match order.role {
        Role::ControlPlane => vec![api_server, 10250, 10257, 10259, 2379, 2380],
        Role::Worker => vec![10250],
    }
}

pub fn sentence(hindrances: &[Hindrance]) -> String {
    let all: Vec<String> = hindrances.iter().map(|h| format!("{}: {}", h.name, h.sentence)).collect();
    format!("this machine cannot be a node yet: {}", all.join("; "))
}

fn system(found: &Found, wrong: &mut impl FnMut(bool, &'static str, String)) {
    wrong(
        !found.swaps.is_empty(),
        "swap",
        format!("{} cannot be switched off: look for what uses it", found.swaps.join(", ")),
    );
    wrong(
        !found.swap_in_fstab.is_empty(),
        "swap",
        format!(
            "{} would be on again after a reboot: the layout of this profile has a swap partition; take it out \
             and reprovision",
            found.swap_in_fstab.join(", ")
        ),
    );
    wrong(
        !found.modules_missing.is_empty(),
        "modules",
        format!(
            "the kernel has no {}: the image needs its full set of modules",
            found.modules_missing.join(", ")
        ),
    );
    wrong(
        !found.sysctls_wrong.is_empty(),
        "sysctls",
        format!("{} cannot be set to 1", found.sysctls_wrong.join(", ")),
    );
    wrong(
        !found.cgroup_v2,
        "cgroups",
        "this system has cgroup v1, which kubelets no longer know: start it with \
         systemd.unified_cgroup_hierarchy=1, or use a newer image"
            .into(),
    );
}

fn runtime(found: &Found, order: &JoinOrder, wrong: &mut impl FnMut(bool, &'static str, String)) {
    wrong(
        found.runtime.is_some(),
        "container runtime",
        format!(
            "containerd does not answer: {}; see `journalctl -u containerd`",
            found.runtime.as_deref().unwrap_or_default()
        ),
    );
    wrong(
        found.runtime.is_none() && !found.systemd_driver,
        "cgroup driver",
        "containerd has SystemdCgroup = false, and the kubelet uses systemd's: set it in \
         /etc/containerd/config.toml of the image"
            .into(),
    );
    wrong(
        found.runtime.is_none() && !found.images_missing.is_empty(),
        "container images",
        format!(
            "the image says that it brings {}, and containerd does not have it: reprovision, or build the image anew",
            found.images_missing.join(", ")
        ),
    );
    wrong(
        found.kubeadm.trim_start_matches('v') != order.kubernetes,
        "version",
        format!(
            "kubeadm here is `{}` and the cluster wants {}: give the profile an image of that release",
            found.kubeadm, order.kubernetes
        ),
    );
}

fn network(found: &Found, order: &JoinOrder, wrong: &mut impl FnMut(bool, &'static str, String)) {
    let (node, address) = (&order.node, &order.address);
    wrong(
        found.clock_error_ms.is_none_or(|ms| ms.abs() > TOLERATED_MS),
        "time",
        match found.clock_error_ms {
            Some(ms) => format!("the clock is {ms} ms off the server's and cannot be set"),
            None => "the server does not tell the time: it must be reached over HTTP".into(),
        },
    );
    wrong(
        !found.has_address,
        "address",
        format!("{address} is not an address of this machine: its lease has changed, or the port is down"),
    );
    wrong(
        !found.resolves_to.iter().any(|a| a == address),
        "hostname",
        format!("{node} means {} here, not {address}: see /etc/hosts and DNS", none_or(&found.resolves_to)),
    );
    wrong(
        found.endpoint.is_some(),
        "endpoint",
        format!(
            "{} cannot be reached: {}; is a control plane up, and does the address lie on this network?",
            order.endpoint,
            found.endpoint.as_deref().unwrap_or_default()
        ),
    );
    let taken: Vec<String> = found.ports_taken.iter().map(|(p, who)| format!("{p} ({who})")).collect();
    wrong(
        !taken.is_empty(),
        "ports",
        format!("taken already: {}; stop what listens there", taken.join(", ")),
    );
}

fn size(found: &Found, order: &JoinOrder, wrong: &mut impl FnMut(bool, &'static str, String)) {
    let needs = &order.needs;
    wrong(
        found.memory < needs.memory,
        "memory",
        format!(
            "{} MiB, and a {} needs {} MiB; the cluster's min_memory can say otherwise",
            found.memory >> 20,
            order.role,
            needs.memory.div_ceil(1 << 20)
        ),
    );
    wrong(
        found.cpus < needs.cpus,
        "CPUs",
        format!("{}, and a {} needs {}", found.cpus, order.role, needs.cpus),
    );
    wrong(
        found.disk < needs.disk,
        "disk",
        format!(
            "{} MiB free below /var, and {} MiB are needed",
            found.disk >> 20,
            needs.disk.div_ceil(1 << 20)
        ),
    );
}

fn none_or(addresses: &[String]) -> String {
    if addresses.is_empty() { "nothing".into() } else { addresses.join(", ") }
}

#[cfg(test)]
mod tests;
