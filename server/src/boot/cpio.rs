//! One small file as a cpio archive (newc, Linux `Documentation/driver-api/early-userspace/buffer-format`):
//! appended to the RAM image it carries the boot key, because kernel arguments reach consoles and logs.

/// An archive with the folders above `path` and one file that only root reads.
pub fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let path = path.trim_start_matches('/');
    for (at, _) in path.match_indices('/') {
        entry(&mut bytes, &path[..at], 0o040_755, &[]);
    }
    entry(&mut bytes, path, 0o100_600, content);
    entry(&mut bytes, "TRAILER!!!", 0, &[]);
    bytes
}

fn entry(bytes: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) {
    let [ino, uid, gid, nlink, mtime] = [0, 0, 0, 1, 0];
    let [devmajor, devminor, rdevmajor, rdevminor, check] = [0; 5];
    let (namesize, filesize) = (name.len() + 1, content.len());
    let header = format!(
        "070701{ino:08x}{mode:08x}{uid:08x}{gid:08x}{nlink:08x}{mtime:08x}{filesize:08x}\
         {devmajor:08x}{devminor:08x}{rdevmajor:08x}{rdevminor:08x}{namesize:08x}{check:08x}"
    );
    bytes.extend(header.bytes());
    bytes.extend(name.bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend(content);
    pad(bytes);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpio_itself_reads_it() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let list = Command::new("cpio")
            .args(["-itv", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut list = list.expect("cpio is among the packages");
        list.stdin.take().unwrap().write_all(&archive("/etc/metal/boot-key", b"secret")).unwrap();
        let output = list.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(text.contains("-rw-------") && text.contains("etc/metal/boot-key"), "{text}");
        assert!(text.contains("drwxr-xr-x") && text.contains("etc/metal\n"), "{text}");
    }
}
