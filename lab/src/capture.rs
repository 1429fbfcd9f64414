//! Records what passes one network cable. By tcpdump, because QEMU 7's own filter-dump writes its offload
//! header in front of each packet of a tap, and readers then see no Ethernet.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::netns::Netns;
use crate::record::Record;

/// Ends with the machine's power.
pub(crate) struct Capture(Child);

/// All of DHCP and of TFTP's questions, and not the images.
const PACKET_BYTES: &str = "640";
const FILE_HEADER_BYTES: u64 = 24;
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Returns when packets are being recorded: tcpdump writes the file's header after it has opened the interface.
pub(crate) fn start(record: &Record, switch: &Netns, tap: &str, file: &Path) -> Result<Capture> {
    let mut command = Command::new("tcpdump");
    command.args(["-i", tap, "-s", PACKET_BYTES, "-U", "--immediate-mode", "-Z", "root", "-w"]).arg(file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let capture = record.spawn(switch.inside(command)).context("start tcpdump: is it installed?")?;
    let mut capture = Capture(capture);
    let end = Instant::now() + START_PATIENCE;
    while fs::metadata(file).map_or(0, |file| file.len()) < FILE_HEADER_BYTES {
        if Instant::now() > end || capture.0.try_wait().context("ask for tcpdump's state")?.is_some() {
            bail!("tcpdump did not start recording {tap} to {}", file.display());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(capture)
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
