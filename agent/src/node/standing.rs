//! What this machine is to its cluster, as a file that is written when kubeadm has succeeded and goes when the machine
//! leaves. Half an init and half a join look like whole ones in /etc/kubernetes; this does not.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use api::cluster::{JoinOrder, Role};
use api::id::Hostname;
use serde::{Deserialize, Serialize};

use super::files;

/// Below the root.
const PLACE: &str = "etc/metal/node.json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub cluster: String,
    pub node: Hostname,
    pub role: Role,
    pub generation: i64,
}

impl Standing {
    pub fn of(order: &JoinOrder, generation: i64) -> Standing {
        Standing { cluster: order.cluster.clone(), node: order.node.clone(), role: order.role, generation }
    }
}

/// None where the machine is no node; a file that is damaged is as good as none.
pub fn read(root: &Path) -> Option<Standing> {
    serde_json::from_slice(&fs::read(root.join(PLACE)).ok()?).ok()
}

pub fn write(root: &Path, standing: &Standing) -> Result<()> {
    let text = serde_json::to_string_pretty(standing).context("cannot write node.json")?;
    files::replace(&root.join(PLACE), 0o644, format!("{text}\n").as_bytes())
}

pub fn forget(root: &Path) -> Result<()> {
    files::remove(&root.join(PLACE)).with_context(|| format!("cannot remove /{PLACE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::order;

    #[test]
    fn a_node_is_one_until_it_leaves() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path()), None);
        let standing = Standing::of(&order(Role::Worker), 3);
        write(root.path(), &standing).unwrap();
        assert_eq!(read(root.path()), Some(standing));
        forget(root.path()).unwrap();
        forget(root.path()).unwrap();
        assert_eq!(read(root.path()), None);
    }
}
