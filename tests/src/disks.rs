//! Disks with something on them: a system of somebody's that boots and says so, and whether a byte of it was changed.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::server::text;

/// What that system says on the serial line, and all that it does.
pub const SPEAKS: &str = "somebody's own system";

const MIB: u64 = 1 << 20;

/// A disk image that others can start from: a partition table, boot code, and a file system with a label.
pub fn somebodys(folder: &Path) -> Result<PathBuf> {
    let (raw, image) = (folder.join("somebodys.raw"), folder.join("somebodys.qcow2"));
    let file = File::create(&raw).with_context(|| format!("create {}", raw.display()))?;
    file.set_len(8192 * MIB)?;
    file.write_all_at(&boot_sector(), 0)?;
    let mut mkfs = Command::new("mkfs.ext4");
    mkfs.args(["-q", "-F", "-L", "photos", "-E", &format!("offset={MIB}")]).arg(&raw).arg("64M");
    text(mkfs)?;
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-f", "raw", "-O", "qcow2"]).arg(&raw).arg(&image);
    text(convert)?;
    std::fs::remove_file(&raw)?;
    Ok(image)
}

/// SHA-256 of an image file as it lies on the host: what a machine writes changes it, and reading does not.
pub fn digest(image: &Path) -> Result<String> {
    let mut command = Command::new("sha256sum");
    command.arg(image);
    Ok(text(command)?.split_whitespace().next().context("a digest")?.to_owned())
}

/// In real mode, at 0x7c00: a sentence to the serial port, then a halt for ever. One Linux partition from 1 MiB on.
fn boot_sector() -> Vec<u8> {
    #[rustfmt::skip]
    let code: &[u8] = &[
        0xfa,                                                  // 7c00 cli
        0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0,        //      ds = es = ss = 0
        0xbc, 0x00, 0x7c,                                      //      sp = 0x7c00
        0xbe, 0x1e, 0x7c,                                      //      si = the sentence
        0xba, 0xf8, 0x03,                                      //      dx = the serial port
        0xfc,                                                  //      cld
        0xac, 0x84, 0xc0, 0x74, 0x03,                          // 7c13 next letter; none: 0x7c1b
        0xee, 0xeb, 0xf8,                                      //      out; again
        0xf4, 0xeb, 0xfd,                                      // 7c1b halt for ever
    ];
    let mut sector = [code, SPEAKS.as_bytes(), b"\n\0"].concat();
    sector.resize(446, 0);
    let (start, length) = (2048u32, 64 * 2048u32);
    sector.extend([0x80, 0, 2, 0, 0x83, 0xfe, 0xff, 0xff]);
    sector.extend(start.to_le_bytes().into_iter().chain(length.to_le_bytes()));
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}
