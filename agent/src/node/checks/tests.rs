//! Machines that can be a node, and machines that cannot.

use super::*;
use crate::sample::order;

fn good() -> Found {
    Found {
        cgroup_v2: true,
        systemd_driver: true,
        clock_error_ms: Some(-400),
        resolves_to: vec!["10.77.0.107".into()],
        has_address: true,
        memory: 900 << 20,
        cpus: 2,
        disk: 8 << 30,
        kubeadm: "v1.36.3".into(),
        ..Found::default()
    }
}

fn names(found: &Found) -> Vec<&'static str> {
    judge(found, &order(Role::Worker)).iter().map(|h| h.name).collect()
}

#[test]
fn a_machine_that_is_ready_has_no_hindrance() {
    assert_eq!(names(&good()), [""; 0]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let found = Found {
        swaps: vec!["/dev/vda4".into()],
        swap_in_fstab: vec!["UUID=u4".into()],
        modules_missing: vec!["overlay".into()],
        sysctls_wrong: vec!["net.ipv4.ip_forward".into()],
        endpoint: Some("Connection refused".into()),
        ports_taken: vec![(10250, "kubelet".into())],
        images_missing: vec!["registry.k8s.io/pause:3.10.2".into()],
        ..Found::default()
    };
    let all = [
        "swap",
        "swap",
        "modules",
        "sysctls",
        "cgroups",
        "cgroup driver",
        "container images",
        "version",
        "time",
        "address",
        "hostname",
        "endpoint",
        "ports",
        "memory",
        "CPUs",
        "disk",
    ];
    assert_eq!(names(&found), all);
    let sentence = sentence(&judge(&found, &order(Role::Worker)));
    assert!(sentence.contains("ports: taken already: 10250 (kubelet)"), "{sentence}");
    assert!(sentence.contains("swap partition; take it out"), "{sentence}");
    assert!(sentence.contains("node07 means nothing here, not 10.77.0.107"), "{sentence}");
}

#[test]
fn a_runtime_that_is_silent_hides_what_only_it_could_tell() {
    let found = Found {
        runtime: Some("connection refused".into()),
        systemd_driver: false,
        images_missing: vec!["a".into()],
        ..good()
    };
    assert_eq!(names(&found), ["container runtime"]);
}

#[test]
fn one_thing_wrong_is_one_hindrance() {
    type Change = fn(&mut Found);
    let cases: [(&str, Change); 6] = [
        ("time", |f| f.clock_error_ms = Some(5_001)),
        ("time", |f| f.clock_error_ms = None),
        ("hostname", |f| f.resolves_to = vec!["127.0.1.1".into()]),
        ("memory", |f| f.memory = (700 << 20) - 1),
        ("version", |f| f.kubeadm = "v1.36.30".into()),
        ("version", |f| f.kubeadm = String::new()),
    ];
    for (name, change) in cases {
        let mut found = good();
        change(&mut found);
        assert_eq!(names(&found), [name]);
    }
}

#[test]
fn a_control_plane_needs_more_ports() {
    assert_eq!(ports(&order(Role::Worker), 6443), [10250]);
    assert_eq!(ports(&order(Role::ControlPlane), 7443)[..2], [7443, 10250]);
}
