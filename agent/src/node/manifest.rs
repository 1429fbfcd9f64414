//! The manifests of static pods, as kubeadm writes them: what their programs are started with. Pure.

/// The value of `--NAME=`.
pub fn argument<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    manifest.lines().find_map(|l| l.trim().strip_prefix("- --")?.strip_prefix(name)?.strip_prefix('='))
}
