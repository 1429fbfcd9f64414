//! What a profile or a machine says of its node: the cluster is there, and the API server takes the rest.

use std::collections::HashSet;

use api::layout::Fs;

use super::names::{is_value, key_fault};
use super::profile_of;
use crate::config::check::{Findings, one_of};
use crate::config::{Profile, Site, Taint};

pub fn profile(site: &Site, profile: &Profile, found: &mut Findings) {
    let path = format!("profile.{}", profile.name);
    let Some(cluster) = &profile.cluster else {
        for setting in ["role", "labels", "taints"] {
            let path = format!("{path}.{setting}");
            if found.places.has(&path) {
                let message = format!("profile `{}` has {setting} and no cluster", profile.name);
                found.error(&path, message, &format!("write cluster = \"NAME\", or leave {setting} out"));
            }
        }
        return;
    };
    if !site.clusters.contains_key(cluster) {
        let names: Vec<&str> = site.clusters.keys().map(String::as_str).collect();
        let message = format!("profile `{}` wants the cluster `{cluster}`, which is not there", profile.name);
        found.error(&format!("{path}.cluster"), message, &one_of("cluster", &names));
    }
    for (key, value) in &profile.labels {
        label(key, value, &format!("{path}.labels.{key}"), found);
    }
    taints(&profile.taints, &format!("{path}.taints"), found);
    swap(site, profile, &format!("{path}.layout"), found);
}

pub fn machines(site: &Site, found: &mut Findings) {
    for (i, machine) in site.machines.iter().enumerate().filter(|(_, m)| m.role.is_some()) {
        // Where rules decide, only the hardware tells.
        let Some(profile) = profile_of(site, machine).filter(|p| p.cluster.is_none()) else { continue };
        let message =
            format!("`{}` has a role, and its profile `{}` has no cluster", machine.name, profile.name);
        found.error(&format!("machine.{i}.role"), message, "write cluster = \"NAME\" into the profile");
    }
}

fn label(key: &str, value: &str, path: &str, found: &mut Findings) {
    if let Some(fault) = key_fault(key) {
        found.error(path, format!("`{key}` is not a label's key"), fault);
    }
    if !is_value(value) {
        let hint = "empty, or 1 to 63 of letters, digits and inner dashes, dots and underscores";
        found.error(path, format!("`{value}` is not a label's value"), hint);
    }
    if key.starts_with("node-role.kubernetes.io/") {
        let message = format!("`{key}` says what a node is in its cluster, which its role says");
        found.error(
            path,
            message,
            "role = \"control-plane\" or \"worker\" does this; another word needs another key",
        );
    }
    let own = ["kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch"];
    if own.contains(&key.strip_prefix("beta.").unwrap_or(key)) {
        let message = format!("the kubelet sets `{key}` itself, and sets it back");
        found.error(path, message, "leave it out");
    }
}

fn taints(taints: &[Taint], path: &str, found: &mut Findings) {
    let mut seen = HashSet::new();
    for (i, taint) in taints.iter().enumerate() {
        let path = format!("{path}.{i}");
        let Taint { key, value, effect } = taint;
        if let Some(fault) = key_fault(key) {
            found.error(&path, format!("`{key}` is not a taint's key"), fault);
        }
        if !is_value(value) {
            let hint = "empty, or 1 to 63 of letters, digits and inner dashes, dots and underscores";
            found.error(&path, format!("`{value}` is not a taint's value"), hint);
        }
        if !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect.as_str()) {
            let hint = "NoSchedule, PreferNoSchedule or NoExecute, as in dedicated=gpu:NoSchedule";
            found.error(&path, format!("`{effect}` is not a taint's effect"), hint);
        }
        if !seen.insert((key, effect)) {
            let message = format!("two taints have the key {key} and the effect {effect}");
            found.error(&path, message, "a node has one of each");
        }
        kept_by_others(key, &path, found);
    }
}

fn kept_by_others(key: &str, path: &str, found: &mut Findings) {
    let hint = match key.split_once('/').map(|(prefix, _)| prefix) {
        Some("node-role.kubernetes.io") => {
            "control planes get it unless schedule_on_control_planes = true in the cluster"
        }
        Some("node.kubernetes.io") => "Kubernetes sets and lifts it by what happens to the node",
        _ => return,
    };
    found.error(path, format!("the taint `{key}` is not a profile's to give"), hint);
}

fn swap(site: &Site, profile: &Profile, path: &str, found: &mut Findings) {
    let layout = site.layouts.get(&profile.layout);
    let swap = layout.and_then(|l| l.extra.iter().find(|p| p.fs == Fs::Swap));
    if let Some(swap) = swap {
        let message = format!(
            "profile `{}` makes nodes, and its layout `{}` has the swap `{}`",
            profile.name, profile.layout, swap.name
        );
        found.error(path, message, "a kubelet does not start beside swap: take a layout without it");
    }
}
