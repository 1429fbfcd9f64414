//! What a drain reads of an API server and tells it: the Node object and its pods, cordon, evictions, the
//! out-of-service taint, the object's end. Each call may be repeated.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1::{Eviction, PodDisruptionBudget};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Client, Error as KubeError};
use serde_json::json;

use super::client::{within, within_or_gone, words};
use super::leave::Object;
use super::pods::{Pod, Refused, blocked_by};
use super::{Error, Result};

/// With `nodeshutdown`, the cluster detaches volumes and forgets pods of a machine that is off.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

pub async fn object(client: &Client, name: &str) -> Result<Option<core::Node>> {
    within_or_gone(Api::<core::Node>::all(client.clone()).get(name)).await
}

/// What the next step depends on.
pub fn seen(node: &core::Node) -> Object {
    let spec = node.spec.as_ref();
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    Object {
        ready: conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"),
        cordoned: spec.and_then(|spec| spec.unschedulable).unwrap_or(false),
        out_of_service: taints.iter().any(|taint| taint.key == OUT_OF_SERVICE),
    }
}

pub async fn pods(client: &Client, node: &str) -> Result<Vec<Pod>> {
    let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let list = within(Api::<core::Pod>::all(client.clone()).list(&of_node)).await?;
    Ok(list.items.iter().map(Pod::read).collect())
}

pub async fn cordon(client: &Client, name: &str) -> Result<()> {
    patch(client, name, json!({ "spec": { "unschedulable": true } })).await
}

/// Taints are one list, which others write too: ours is added to exactly the list that was seen.
pub async fn taint_out_of_service(client: &Client, node: &core::Node) -> Result<()> {
    let mut taints = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let effect = "NoExecute".to_string();
    let value = Some("nodeshutdown".to_string());
    taints.push(core::Taint { key: OUT_OF_SERVICE.into(), value, effect, time_added: None });
    let change = json!({
        "metadata": { "resourceVersion": node.metadata.resource_version }, "spec": { "taints": taints },
    });
    patch(client, node.metadata.name.as_deref().unwrap_or_default(), change).await
}

async fn patch(client: &Client, name: &str, change: serde_json::Value) -> Result<()> {
    let nodes = Api::<core::Node>::all(client.clone());
    let patched = within_or_gone(nodes.patch(name, &PatchParams::default(), &Patch::Merge(change))).await;
    match patched {
        // Somebody was faster: the next look sees what is there now.
        Err(Error::Kube(error)) if code(&error) == Some(409) => Ok(()),
        patched => patched.map(drop),
    }
}

/// Only this very object: one that has registered since is another's business.
pub async fn delete(client: &Client, node: &core::Node) -> Result<()> {
    let preconditions = kube::api::Preconditions { uid: node.metadata.uid.clone(), ..Default::default() };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    let nodes = Api::<core::Node>::all(client.clone());
    let name = node.metadata.name.as_deref().unwrap_or_default();
    match within_or_gone(nodes.delete(name, &params)).await {
        Err(Error::Kube(error)) if code(&error) == Some(409) => Ok(()),
        deleted => deleted.map(drop),
    }
}

/// Asks for the end of each pod, with its own grace. Returns those that have to stay for now.
pub async fn evict(client: &Client, pods: &[Pod]) -> Result<Vec<Refused>> {
    let mut refused = Vec::new();
    for pod in pods {
        if let Some(why) = evict_one(client, pod).await? {
            refused.push(Refused { pod: pod.title(), why });
        }
    }
    Ok(refused)
}

/// Not kube's own `evict`: it writes `delete_options`, which an API server takes for an unknown field, and then a
/// new pod of the same name may be hit.
async fn evict_one(client: &Client, pod: &Pod) -> Result<Option<String>> {
    let preconditions = Preconditions { uid: Some(pod.uid.clone()), ..Preconditions::default() };
    let eviction = Eviction {
        delete_options: Some(DeleteOptions {
            preconditions: Some(preconditions),
            ..DeleteOptions::default()
        }),
        metadata: ObjectMeta {
            name: Some(pod.name.clone()),
            namespace: Some(pod.namespace.clone()),
            ..ObjectMeta::default()
        },
    };
    let api = Api::<core::Pod>::namespaced(client.clone(), &pod.namespace);
    let params = PostParams::default();
    let call = api.create_subresource::<_, Status>("eviction", &pod.name, &params, &eviction);
    let error = match within_or_gone(call).await {
        Ok(_) => return Ok(None),
        Err(Error::Kube(error)) => error,
        Err(error) => return Err(error),
    };
    match code(&error) {
        // Another pod has the name now.
        Some(409) => Ok(None),
        Some(429) => Ok(Some(budget(client, pod).await?.unwrap_or_else(|| words(&error)))),
        Some(_) => Ok(Some(words(&error))),
        None => Err(Error::Kube(error)),
    }
}

async fn budget(client: &Client, pod: &Pod) -> Result<Option<String>> {
    let budgets = Api::<PodDisruptionBudget>::namespaced(client.clone(), &pod.namespace);
    let list = within(budgets.list(&ListParams::default())).await?;
    Ok(blocked_by(&list.items, pod))
}

fn code(error: &KubeError) -> Option<u16> {
    match error {
        KubeError::Api(status) => Some(status.code),
        _ => None,
    }
}
