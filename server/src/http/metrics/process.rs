//! What the kernel says of this process and of the disk below its state.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use super::running::HostSeen;

pub fn look(state: &Path) -> HostSeen {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let disk = rustix::fs::statvfs(state).ok();
    HostSeen {
        resident_bytes: resident(&status),
        open_fds: fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as u64),
        max_fds: getrlimit(Resource::Nofile).current,
        state: disk.map(|disk| (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)),
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok().map(|kib: u64| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_files_and_a_disk() {
        let HostSeen { resident_bytes, open_fds, max_fds, state } = look(Path::new("/"));
        assert!(resident_bytes.unwrap() > 1 << 20 && max_fds.unwrap() >= open_fds.unwrap());
        let (free, size) = state.unwrap();
        assert!(free <= size && size > 0);
        assert_eq!(look(Path::new("/absent")).state, None);
        assert_eq!(resident("VmRSS:\t    2048 kB\n"), Some(2 << 20));
    }
}
