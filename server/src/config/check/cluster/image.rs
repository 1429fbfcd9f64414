//! Whether the image of a profile holds the Kubernetes that the profile's cluster wants.

use api::image::Manifest;

use crate::config::check::Findings;
use crate::config::{Profile, Site};

pub fn image(
    site: &Site,
    profile: &Profile,
    manifest: &Manifest,
    present: &[&Manifest],
    found: &mut Findings,
) {
    let cluster = profile.cluster.as_ref().and_then(|name| site.clusters.get(name));
    let Some(cluster) = cluster else { return };
    let holds = match &manifest.kubernetes {
        Some(release) if cluster.accepts(release) => return,
        Some(release) => format!("Kubernetes {release}"),
        None => "no Kubernetes".into(),
    };
    let message = format!(
        "image `{}` of profile `{}` holds {holds}, and cluster `{}` wants {}",
        manifest.name, profile.name, cluster.name, cluster.kubernetes
    );
    let fits = |m: &&&Manifest| m.kubernetes.as_ref().is_some_and(|release| cluster.accepts(release));
    let hint = match present.iter().find(fits) {
        Some(fitting) => format!("take the image `{}`, or make one with images/build", fitting.name),
        None => format!(
            "make one with images/build, such as `images/build debian-12-kubernetes-{}`",
            cluster.minor().map_or_else(|| cluster.kubernetes.clone(), |minor| format!("1.{minor}"))
        ),
    };
    found.error(&format!("profile.{}.image", profile.name), message, &hint);
}
