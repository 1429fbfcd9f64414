//! Reads the kernel's log from /dev/kmsg into the agent's, with the time at which each line was said.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use api::agent::LogSource;

use crate::clock;
use crate::log::Log;

/// In memory, so that it goes with the boot.
const MARK: &str = "/run/metal/kernel-log-read";

/// Reads for ever, on a thread of its own: the device blocks until there is a line.
pub fn follow(log: Log) {
    let Ok(mut file) = File::open("/dev/kmsg") else {
        log.say("cannot open /dev/kmsg: the kernel's log stays on the console");
        return;
    };
    if is_read_already(Path::new(MARK)) && file.seek(SeekFrom::End(0)).is_err() {
        log.say("cannot go to the end of the kernel's log: some of it comes twice");
    }
    std::thread::spawn(move || {
        let mut record = [0; 8192];
        loop {
            // One read is one record. EPIPE says that records were overwritten before they were read; the
            // next read goes on behind them.
            let length = match file.read(&mut record) {
                Ok(0) => return,
                Ok(length) => length,
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => continue,
                Err(_) => return,
            };
            if let Some((since_start, text)) = parse(&String::from_utf8_lossy(&record[..length])) {
                log.push(clock::now() - clock::uptime() + since_start, LogSource::Kernel, text);
            }
        }
    });
}

/// An agent that starts again in the same boot has told the server all that is in the kernel's buffer.
fn is_read_already(mark: &Path) -> bool {
    if mark.exists() {
        return true;
    }
    let folder = mark.parent().unwrap_or(mark);
    // Without a mark the lines come twice, which is better than not at all.
    let _ = fs::create_dir_all(folder).and_then(|()| fs::write(mark, ""));
    false
}

/// `6,1234,98765,-;text` and, on further lines, properties that nobody reads here.
fn parse(record: &str) -> Option<(i64, &str)> {
    let (head, body) = record.split_once(';')?;
    let since_start = head.split(',').nth(2)?.parse().ok()?;
    let text = body.lines().next()?;
    Some((since_start, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_agent_of_a_boot_reads_all() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("run/metal/mark");
        assert!(!is_read_already(&mark));
        assert!(is_read_already(&mark));
    }

    #[test]
    fn records_are_split() {
        let record = "6,339,5140900,-;NET: Registered PF_INET6; now\n SUBSYSTEM=net\n DEVICE=n2\n";
        assert_eq!(parse(record), Some((5_140_900, "NET: Registered PF_INET6; now")));
        assert_eq!(parse("garbage"), None);
        assert_eq!(parse("6,1;x"), None);
    }
}
