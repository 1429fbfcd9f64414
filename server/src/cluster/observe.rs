//! What the API server shows of a node, beside what the site file wants of it: Ready or not and why, and
//! what is missing before its machine may count as a member. Pure.

use std::collections::BTreeMap;

use api::cluster::{Node, OtherNode, Role};
use k8s_openapi::api::core::v1 as core;

use crate::config::Taint;

/// What the node must be like.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The site file's release: a minor one, or an exact one.
    pub kubernetes: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    pub taints: &'a [Taint],
    /// Of the machine; None while no lease of it is known.
    pub address: Option<&'a str>,
    /// Of a machine that joins: an object of an earlier boot tells nothing of this one.
    pub boot_id: Option<&'a str>,
}

/// The node as it is shown beside the machine. `before` is what was shown last.
pub fn node(object: Option<&core::Node>, before: &Node, wanted: &Wanted, now: i64) -> Node {
    let Some(object) = object else {
        let reason = match before.uid.as_str() {
            "" => before.reason.clone(),
            _ => "its Node object is gone".into(),
        };
        let since = if before.ready { now } else { before.since };
        return Node { ready: false, reason, since, uid: String::new(), ..before.clone() };
    };
    let (mut ready, mut reason, since) = readiness(object, before.since, now);
    if let (true, Some(difference)) = (ready, difference(object, wanted)) {
        (ready, reason) = (false, difference);
    }
    let since = if ready == before.ready && before.uid == uid(object) { before.since } else { since };
    Node {
        uid: uid(object),
        ready,
        reason,
        since,
        cordoned: cordoned(object),
        version: version(object).into(),
        address: address(object).unwrap_or_default().into(),
        ..before.clone()
    }
}

/// What one of our machines runs now, beside a Node of its name that has no row.
#[derive(Clone, Copy, Debug)]
pub struct Runs<'a> {
    /// Of its installed system; None while its agent is not heard from there.
    pub boot_id: Option<&'a str>,
    /// None while no lease of it is known.
    pub address: Option<&'a str>,
    /// By the site file.
    pub role: Role,
}

/// Whether the Node is this machine, which the server had forgotten as a node: its cluster was reset and adopted. A
/// name alone is nobody's proof; the error says what speaks against it.
pub fn comes_home(object: &core::Node, runs: &Runs) -> Result<Role, String> {
    let Some(boot) = runs.boot_id else {
        return Err("the machine's agent is not heard from its installed system".into());
    };
    if boot != boot_id(object) {
        return Err(format!("the machine runs the boot {boot}, and the node shows {}", boot_id(object)));
    }
    let found = address(object).unwrap_or("no address");
    if runs.address != Some(found) {
        return Err(format!("the machine has {}, and the node {found}", runs.address.unwrap_or("no lease")));
    }
    match role(object) {
        role if role == runs.role => Ok(role),
        role => Err(format!("it is a {role} there, and a {} in the site file", runs.role)),
    }
}

/// A node that is no machine of ours.
pub fn other(object: &core::Node) -> OtherNode {
    let (ready, reason, _) = readiness(object, 0, 0);
    OtherNode {
        name: object.metadata.name.clone().unwrap_or_default(),
        role: role(object),
        ready,
        reason,
        version: version(object).into(),
        address: address(object).unwrap_or_default().into(),
    }
}

/// The node of a cluster whose API server does not answer.
pub fn out_of_reach(before: &Node, since: i64, cause: &str) -> Node {
    let since_when = if before.ready { since } else { before.since };
    Node { ready: false, reason: silence(since, cause), since: since_when, ..before.clone() }
}

pub fn silence(since: i64, cause: &str) -> String {
    format!("the API server does not answer since {}: {cause}", api::words::moment(since))
}

/// Labels of the site that the node has not; empty when it has all.
pub fn missing_labels(object: &core::Node, wanted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let has = object.metadata.labels.as_ref();
    let lacks = |(key, value): &(&String, &String)| has.and_then(|has| has.get(*key)) != Some(value);
    wanted.iter().filter(lacks).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Taints of the site that the node has not.
pub fn missing_taints(object: &core::Node, wanted: &[Taint]) -> Vec<Taint> {
    let has = object.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let same = |taint: &Taint, has: &core::Taint| {
        has.key == taint.key
            && has.effect == taint.effect
            && has.value.as_deref().unwrap_or_default() == taint.value
    };
    let lacks = |taint: &&Taint| !has.is_some_and(|has| has.iter().any(|one| same(taint, one)));
    wanted.iter().filter(lacks).cloned().collect()
}

pub fn cordoned(object: &core::Node) -> bool {
    object.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

fn uid(object: &core::Node) -> String {
    object.metadata.uid.clone().unwrap_or_default()
}

/// As kubeadm marks it.
fn role(object: &core::Node) -> Role {
    let labels = object.metadata.labels.as_ref();
    match labels.is_some_and(|labels| labels.contains_key("node-role.kubernetes.io/control-plane")) {
        true => Role::ControlPlane,
        false => Role::Worker,
    }
}

fn version(object: &core::Node) -> &str {
    let info = object.status.as_ref().and_then(|status| status.node_info.as_ref());
    info.map_or("", |info| &info.kubelet_version)
}

fn boot_id(object: &core::Node) -> &str {
    let info = object.status.as_ref().and_then(|status| status.node_info.as_ref());
    info.map_or("", |info| &info.boot_id)
}

fn address(object: &core::Node) -> Option<&str> {
    let addresses = object.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|address| address.type_ == "InternalIP").map(|address| address.address.as_str())
}

/// The condition Ready in its own words, and since when.
fn readiness(object: &core::Node, before: i64, now: i64) -> (bool, String, i64) {
    let conditions = object.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = conditions.and_then(|conditions| conditions.iter().find(|one| one.type_ == "Ready"));
    let Some(condition) = ready else {
        return (false, "its kubelet has not reported yet".into(), before);
    };
    let since = condition.last_transition_time.as_ref().map_or(now, |time| time.0.as_microsecond());
    if condition.status == "True" {
        return (true, String::new(), since);
    }
    let said = [condition.reason.as_deref(), condition.message.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    (false, format!("NotReady: {}", said.join(": ")), since)
}

/// What of a Ready node is not as the site file says.
fn difference(object: &core::Node, wanted: &Wanted) -> Option<String> {
    let list = |items: Vec<String>| items.join(", ");
    if wanted.boot_id.is_some_and(|boot| boot != boot_id(object)) {
        return Some("what is shown is of an earlier boot".into());
    }
    let labels = missing_labels(object, wanted.labels);
    if !labels.is_empty() {
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        return Some(format!("Ready, but its labels are not set yet: {}", list(labels)));
    }
    let taints = missing_taints(object, wanted.taints);
    if !taints.is_empty() {
        return Some(format!(
            "Ready, but its taints are not set yet: {}",
            list(taints.iter().map(Taint::to_string).collect())
        ));
    }
    if !is_release(wanted.kubernetes, version(object)) {
        return Some(format!(
            "Ready, but its kubelet is {}, and the site file says {}",
            version(object),
            wanted.kubernetes
        ));
    }
    match (wanted.address, address(object)) {
        (Some(wanted), Some(found)) if wanted == found => None,
        (None, _) => None,
        (Some(wanted), found) => {
            Some(format!("Ready, but under the address {} instead of {wanted}", found.unwrap_or("none")))
        }
    }
}

/// `1.36` names all of `v1.36.x`, `1.36.3` one of them.
fn is_release(wanted: &str, version: &str) -> bool {
    let version = version.strip_prefix('v').unwrap_or(version);
    let exact = wanted.matches('.').count() >= 2;
    version == wanted || (!exact && version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.')))
}
