//! The pods of a node that leaves, sorted as `kubectl drain` sorts them: which stay, which are evicted, which are
//! waited for, and which disruption budget is in the way.

use std::collections::BTreeMap;

use api::words::moment;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

/// Of a mirror of a static pod: the kubelet has it from its own folder, and nobody can evict it.
const MIRROR: &str = "kubernetes.io/config.mirror";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub kind: Kind,
    /// What it keeps in an emptyDir ends with it.
    pub empty_dir: bool,
    /// It has been told to end, and uses its grace.
    pub ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a DaemonSet, a mirror, or finished.
    Stays,
    /// Its controller makes another one elsewhere.
    Controlled,
    /// Nobody makes it again: a student's notebook.
    Alone,
}

impl Pod {
    pub fn read(pod: &core::Pod) -> Pod {
        let meta = &pod.metadata;
        let spec = pod.spec.as_ref();
        let volumes = spec.and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        Pod {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            kind: kind(pod),
            empty_dir: volumes.iter().any(|volume| volume.empty_dir.is_some()),
            ending: meta.deletion_timestamp.is_some(),
        }
    }

    /// As people name it.
    pub fn title(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

fn kind(pod: &core::Pod) -> Kind {
    let meta = &pod.metadata;
    let mirrors = meta.annotations.as_ref().is_some_and(|notes| notes.contains_key(MIRROR));
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    let controller = owners.iter().find(|owner| owner.controller == Some(true));
    match (controller, phase) {
        _ if mirrors => Kind::Stays,
        (_, Some("Succeeded" | "Failed")) => Kind::Stays,
        (Some(owner), _) if owner.kind == "DaemonSet" => Kind::Stays,
        (Some(_), _) => Kind::Controlled,
        (None, _) => Kind::Alone,
    }
}

/// What is left to do about the pods of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    pub evict: Vec<Pod>,
    pub alone: Vec<Pod>,
    pub ending: Vec<Pod>,
}

/// `forced`: pods without a controller are evicted too.
pub fn sort(pods: &[Pod], forced: bool) -> Sorted {
    let mut sorted = Sorted::default();
    for pod in pods.iter().filter(|pod| pod.kind != Kind::Stays) {
        let place = match pod.kind {
            _ if pod.ending => &mut sorted.ending,
            Kind::Alone if !forced => &mut sorted.alone,
            _ => &mut sorted.evict,
        };
        place.push(pod.clone());
    }
    sorted
}

/// A pod that could not be evicted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub pod: String,
    pub why: String,
}

/// What the pods of a node keep it waiting for; empty when nothing does. `force` is what an operator types to
/// have pods without a controller evicted.
pub fn waited_for(sorted: &Sorted, refused: &[Refused], force: &str) -> String {
    let mut parts = Vec::new();
    if !sorted.alone.is_empty() {
        let (count, names) = (counted(sorted.alone.len()), named(&sorted.alone));
        parts.push(format!("{count} without a controller: {names}; `{force}` evicts them"));
    }
    let blocked = |pod: &Pod| refused.iter().any(|refused| refused.pod == pod.title());
    let mut ending = sorted.ending.clone();
    ending.extend(sorted.evict.iter().filter(|pod| !blocked(pod)).cloned());
    if !ending.is_empty() {
        parts.push(format!("{} to end: {}", counted(ending.len()), named(&ending)));
    }
    parts.extend(refused.iter().take(SHOWN).map(|refused| format!("{}: {}", refused.pod, refused.why)));
    if refused.len() > SHOWN {
        parts.push(format!("{} more that cannot be evicted yet", refused.len() - SHOWN));
    }
    parts.join("; ")
}

/// Names in a sentence before it says how many more.
const SHOWN: usize = 5;

/// In the order of their namespaces.
pub fn named(pods: &[Pod]) -> String {
    let with_data = |pod: &Pod| if pod.empty_dir { " (has emptyDir data)" } else { "" };
    let mut names: Vec<String> =
        pods.iter().map(|pod| format!("{}{}", pod.title(), with_data(pod))).collect();
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

fn counted(pods: usize) -> String {
    format!("{pods} pod{}", if pods == 1 { "" } else { "s" })
}

/// Why the budgets of its namespace let nobody evict this pod.
pub fn blocked_by(budgets: &[PodDisruptionBudget], pod: &Pod) -> Option<String> {
    let of_pod = |budget: &&PodDisruptionBudget| {
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
        budget.metadata.namespace.as_ref() == Some(&pod.namespace) && selects(selector, &pod.labels)
    };
    let spent = |budget: &&PodDisruptionBudget| {
        budget.status.as_ref().is_some_and(|status| status.disruptions_allowed == 0)
    };
    let budget = budgets.iter().filter(of_pod).find(spent)?;
    let status = budget.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let since = conditions.iter().find(|c| c.type_ == "DisruptionAllowed" && c.status == "False");
    let since = since.map(|c| moment(c.last_transition_time.0.as_microsecond()));
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    Some(format!(
        "the disruption budget {} allows no eviction{since} ({} healthy, {} needed)",
        budget.metadata.name.as_deref().unwrap_or_default(),
        status.current_healthy,
        status.desired_healthy
    ))
}

/// A budget without a selector is about no pod; an empty selector is about all.
fn selects(selector: Option<LabelSelector>, labels: &BTreeMap<String, String>) -> bool {
    let selector: Option<Selector> = selector.and_then(|selector| selector.try_into().ok());
    selector.is_some_and(|selector| selector.matches(labels))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(pod: Value) -> Pod {
        Pod::read(&serde_json::from_value(pod).unwrap())
    }

    fn owned(kind: &str) -> Value {
        json!([{ "apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": "u", "controller": true }])
    }

    fn pod(name: &str, owners: Value) -> Value {
        json!({ "metadata": { "namespace": "hub", "name": name, "uid": name, "ownerReferences": owners } })
    }

    #[test]
    fn pods_are_sorted_as_kubectl_drain_sorts_them() {
        assert_eq!(read(pod("web", owned("ReplicaSet"))).kind, Kind::Controlled);
        assert_eq!(read(pod("proxy", owned("DaemonSet"))).kind, Kind::Stays);
        assert_eq!(read(pod("jupyter-anna", json!([]))).kind, Kind::Alone);
        let mut owner = owned("Notebook");
        owner[0]["controller"] = json!(false);
        assert_eq!(read(pod("owned, not controlled", owner)).kind, Kind::Alone);
        let mut mirror = pod("etcd-node01", owned("Node"));
        mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "abc" });
        assert_eq!(read(mirror).kind, Kind::Stays);
        for phase in ["Succeeded", "Failed"] {
            let mut finished = pod("job", json!([]));
            finished["status"] = json!({ "phase": phase });
            assert_eq!(read(finished).kind, Kind::Stays);
        }
    }

    #[test]
    fn pods_without_a_controller_are_evicted_only_when_told_to() {
        let mut ending = pod("old", owned("ReplicaSet"));
        ending["metadata"]["deletionTimestamp"] = json!("2026-11-24T08:00:00Z");
        let mut web = pod("web", owned("ReplicaSet"));
        web["spec"] = json!({ "containers": [], "volumes": [{ "name": "tmp", "emptyDir": {} }] });
        let pods =
            [read(web), read(ending), read(pod("anna", json!([]))), read(pod("p", owned("DaemonSet")))];
        let names = |pods: &[Pod]| pods.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>();
        let sorted = sort(&pods, false);
        assert_eq!((names(&sorted.evict), names(&sorted.alone)), (vec!["web".into()], vec!["anna".into()]));
        assert_eq!(
            waited_for(&sorted, &[], "metalctl machine reprovision node07 --force"),
            "1 pod without a controller: hub/anna; `metalctl machine reprovision node07 --force` evicts them; \
             2 pods to end: hub/old, hub/web (has emptyDir data)"
        );
        let sorted = sort(&pods, true);
        assert_eq!(names(&sorted.evict), ["web", "anna"]);
        assert!(sorted.alone.is_empty());
    }

    fn budget(selector: Value) -> PodDisruptionBudget {
        serde_json::from_value(json!({
            "metadata": { "namespace": "hub", "name": "web" },
            "spec": { "minAvailable": 2, "selector": selector },
            "status": {
                "currentHealthy": 1, "desiredHealthy": 2, "disruptionsAllowed": 0, "expectedPods": 2,
                "conditions": [{
                    "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
                    "lastTransitionTime": "2026-11-24T08:00:00Z"
                }]
            }
        }))
        .unwrap()
    }

    #[test]
    fn the_budget_in_the_way_is_named_with_its_numbers() {
        let mut web = read(pod("web-1", owned("ReplicaSet")));
        web.labels = BTreeMap::from([("app".to_string(), "web".to_string())]);
        let why = blocked_by(&[budget(json!({ "matchLabels": { "app": "web" } }))], &web).unwrap();
        let budget_says =
            "the disruption budget web allows no eviction since 2026-11-24 08:00:00Z (1 healthy, 2 needed)";
        assert_eq!(why, budget_says);
        assert_eq!(blocked_by(&[budget(json!({ "matchLabels": { "app": "db" } }))], &web), None);
        assert!(blocked_by(&[budget(json!({}))], &web).is_some());
        let sorted = Sorted { evict: vec![web], ..Sorted::default() };
        let refused = [Refused { pod: "hub/web-1".into(), why }];
        assert_eq!(waited_for(&sorted, &refused, ""), format!("hub/web-1: {budget_says}"));
    }

    #[test]
    fn a_long_list_says_how_long_it_is() {
        let pods: Vec<Pod> = (0..9).map(|n| read(pod(&format!("p{n}"), json!([])))).collect();
        assert_eq!(named(&pods), "hub/p0, hub/p1, hub/p2, hub/p3, hub/p4 and 4 more");
    }
}
