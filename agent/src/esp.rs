//! A look into an EFI system partition, read-only: what installs have left there about themselves.

use std::path::{Path, PathBuf};

use api::facts::Identity;
use api::plan::Plan;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::log::Log;

const POINT: &str = "/run/metal/esp";

/// Written when an install begins: from then on the server knows that the layout was verified. It holds the hash of
/// the plan.
pub const LAYOUT: &str = "EFI/metal/layout";

/// Where it is mounted already (on an installed system), the look is there: a second, read-only mount of it is
/// refused. None where it cannot be mounted.
pub fn look<T>(device: &Path, log: &Log, read: impl FnOnce(&Path) -> T) -> Option<T> {
    if let Some(point) = mounted_at(device) {
        return Some(read(&point));
    }
    std::fs::create_dir_all(POINT).ok()?;
    let flags = MountFlags::RDONLY | MountFlags::NOEXEC | MountFlags::NODEV | MountFlags::NOSUID;
    if let Err(error) = mount(device, POINT, "vfat", flags, None) {
        log.say(format!("cannot look into the ESP {}: {error}", device.display()));
        return None;
    }
    let found = read(Path::new(POINT));
    // What stays mounted would keep the disk from being partitioned.
    if let Err(error) = unmount(POINT, UnmountFlags::empty()) {
        log.say(format!("cannot unmount the ESP {}: {error}", device.display()));
        let _ = unmount(POINT, UnmountFlags::DETACH);
    }
    Some(found)
}

/// A file that is there says that an install was: what cannot be read of it must not make it nobody's.
pub fn identity(esp: &Path) -> Option<Identity> {
    match std::fs::read(esp.join(Identity::PATH)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Identity::unreadable())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => Some(Identity::unreadable()),
    }
}

/// Why the plan's layout is not written once more over what it has led to; None where it has led to nothing yet. An
/// older install may lie at the same place until the table's second write.
pub fn begun(esp: &Path, plan: &Plan) -> Option<String> {
    let led_to = |found: &Identity| found.machine == plan.machine.0 && found.generation >= plan.generation;
    if let Some(Identity { hostname, generation, .. }) = identity(esp).filter(led_to) {
        return Some(format!("holds `{hostname}`, generation {generation}, installed"));
    }
    let verified = std::fs::read_to_string(esp.join(LAYOUT)).is_ok_and(|hash| hash == plan.hash());
    verified.then(|| "has its layout verified and an install begun".into())
}

fn mounted_at(device: &Path) -> Option<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let line = table.lines().find(|l| l.split(' ').next() == device.to_str())?;
    line.split(' ').nth(1).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn put(esp: &Path, path: &str, text: &str) {
        let path = esp.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn an_identity_that_cannot_be_read_is_somebodys() {
        let esp = tempfile::tempdir().unwrap();
        assert_eq!(identity(esp.path()), None);
        put(esp.path(), Identity::PATH, "{\"site\":\"la");
        assert_eq!(identity(esp.path()), Some(Identity::unreadable()));
        let text =
            r#"{"site":"lab","machine":"m-1","hostname":"node01","generation":3,"of":"a later version"}"#;
        put(esp.path(), Identity::PATH, text);
        assert_eq!(identity(esp.path()).unwrap().generation, 3);
    }

    #[test]
    fn a_layout_is_written_until_it_was_verified_and_no_more() {
        let (esp, plan) = (tempfile::tempdir().unwrap(), sample::plan(sample::planned_disk(96 << 20, 512)));
        assert_eq!(begun(esp.path(), &plan), None);
        put(esp.path(), LAYOUT, "the hash of another plan");
        assert_eq!(begun(esp.path(), &plan), None);
        put(esp.path(), LAYOUT, &plan.hash());
        assert_eq!(begun(esp.path(), &plan).as_deref(), Some("has its layout verified and an install begun"));
        let identity = |generation: i64| {
            format!(r#"{{"site":"lab","machine":"m-1","hostname":"node01","generation":{generation}}}"#)
        };
        put(esp.path(), LAYOUT, "");
        put(esp.path(), Identity::PATH, &identity(2));
        assert_eq!(begun(esp.path(), &plan), None, "the install before, where the cut came early");
        put(esp.path(), Identity::PATH, &identity(3));
        assert_eq!(begun(esp.path(), &plan).as_deref(), Some("holds `node01`, generation 3, installed"));
    }
}
