//! What `metald` and the kubeconfigs that it hands out may do in a cluster.

/// Applied with an administrator's rights when a cluster is made, or by hand before one is adopted.
pub fn manifest() -> String {
    include_str!("manifests/grant.yaml").into()
}
