//! A profile with all that it leads to, setting by setting: to show it, and to compare it with another. Pure.

use std::collections::BTreeMap;

use crate::config::{Approve, Profile, Site};

/// Names as they are typed in the site file; those of the layout and the cluster begin with that.
pub fn of(site: &Site, profile: &Profile) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut put = |name: &str, value: String| _ = all.insert(name.to_string(), value);
    put("image", profile.image.clone());
    put("hostname", profile.hostname.to_string());
    put("layout", profile.layout.clone());
    put("consoles", profile.consoles.join(" "));
    put("role", profile.role.to_string());
    put(
        "approve",
        match profile.approve {
            Approve::Untouched => "untouched".into(),
            Approve::Person => "person".into(),
        },
    );
    put("cluster", profile.cluster.clone().unwrap_or_default());
    put("authorized_keys", profile.authorized_keys.join("\n"));
    let disk = &profile.disk;
    put("disk.serial", disk.serial.clone().unwrap_or_default());
    put("disk.wwn", disk.wwn.clone().unwrap_or_default());
    put("disk.min_size", disk.min_size.map(api::words::memory).unwrap_or_default());
    put("disk.max_size", disk.max_size.map(api::words::memory).unwrap_or_default());
    put("disk.kind", disk.kind.map(|kind| format!("{kind:?}").to_lowercase()).unwrap_or_default());
    for (state, patience) in &profile.deadlines {
        put(&format!("deadlines.{state}"), api::words::span(patience.as_secs()));
    }
    put("back_to_ram", api::words::span(site.back_to_ram(Some(profile)).as_secs()));
    for (key, value) in &profile.labels {
        put(&format!("labels.{key}"), value.clone());
    }
    put("taints", profile.taints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    if let Some(layout) = site.layouts.get(&profile.layout) {
        put("layout.esp", api::words::memory(layout.esp));
        put("layout.root", volume(layout.root.size, layout.root.grow));
        for extra in &layout.extra {
            let mount = extra.mount.as_ref().map(|mount| format!(" on {mount}")).unwrap_or_default();
            let text =
                format!("{} {}{mount}", extra.fs.as_str(), volume(extra.volume.size, extra.volume.grow));
            put(&format!("layout.{}", extra.name), text);
        }
    }
    if let Some(cluster) = profile.cluster.as_ref().and_then(|name| site.clusters.get(name)) {
        put("cluster.kubernetes", cluster.kubernetes.clone());
    }
    all.retain(|_, value| !value.is_empty());
    all
}

fn volume(size: u64, grow: bool) -> String {
    let more = if grow { " or more" } else { "" };
    format!("{}{more}", api::words::memory(size))
}
