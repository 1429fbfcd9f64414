//! The kubectl that `images/build` made beside the nodes' own programs, for whoever runs on the host.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cluster::RELEASE;

/// Below the folder of images, where the parts of images are kept.
pub fn find(images: &Path) -> Result<PathBuf> {
    let (store, part) = (images.join(".store"), format!(".go-kubernetes-{RELEASE}-kubernetes-"));
    let entries = fs::read_dir(&store).with_context(|| format!("read {}", store.display()))?;
    let built = entries.flatten().find(|entry| entry.file_name().to_string_lossy().starts_with(&part));
    let kubectl = built.map(|entry| entry.path().join("kubectl")).filter(|path| path.exists());
    kubectl.with_context(|| format!("no kubectl below {}/{part}*: run images/build", store.display()))
}
