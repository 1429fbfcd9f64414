//! Does acceleration run a guest's code? `/dev/kvm` may exist, start, run SeaBIOS and still stop at the first exception
//! in 64-bit code, so a boot sector tries exactly that, for a bounded time, and says so on the serial port.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{child, qemu};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    Kvm,
    Tcg,
}

const PATIENCE: Duration = Duration::from_secs(4);

/// Real mode, long mode, back from a trap.
const SPOKEN: &[u8] = b"RLTB";

impl Accel {
    /// `la57=off`: with five-level page tables QEMU's emulated CPU contradicts itself, and Linux then prints
    /// mount points as `xxx`.
    pub fn argv(self) -> &'static [&'static str] {
        match self {
            Accel::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Accel::Tcg => &["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"],
        }
    }

    /// Probed once per boot of the host; the verdict is kept in `run`.
    pub fn of_this_host(run: &Path) -> Result<Accel> {
        static ONE_PROBE: Mutex<()> = Mutex::new(());
        let _alone = ONE_PROBE.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = run.join("accel");
        match fs::read_to_string(&verdict).as_deref() {
            Ok("kvm") => return Ok(Accel::Kvm),
            Ok("tcg") => return Ok(Accel::Tcg),
            _ => {}
        }
        let kvm = Path::new("/dev/kvm").exists() && boots(Accel::Kvm, run)?;
        let (accel, word) = if kvm { (Accel::Kvm, "kvm") } else { (Accel::Tcg, "tcg") };
        fs::write(&verdict, word).with_context(|| format!("keep the verdict in {}", verdict.display()))?;
        Ok(accel)
    }
}

pub fn boots(accel: Accel, run: &Path) -> Result<bool> {
    let pid = std::process::id();
    let (image, serial) = (run.join(format!("probe-{pid}.img")), run.join(format!("probe-{pid}.serial")));
    fs::create_dir_all(run).with_context(|| format!("create {}", run.display()))?;
    fs::write(&image, boot_sector()).with_context(|| format!("write {}", image.display()))?;
    let mut command = Command::new(qemu::PROGRAM);
    command.args(accel.argv()).args(["-nodefaults", "-no-user-config", "-display", "none", "-m", "64"]);
    command.arg("-serial").arg(format!("file:{}", serial.display()));
    command.arg("-drive").arg(format!("file={},format=raw,if=ide,snapshot=on", image.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = child::spawn(command).with_context(|| format!("start {}", qemu::PROGRAM))?;
    let end = Instant::now() + PATIENCE;
    let mut spoke = false;
    while !spoke && Instant::now() < end && process.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(50));
        spoke = fs::read(&serial).unwrap_or_default() == SPOKEN;
    }
    // An exit before this line is an answer too: acceleration that cannot even start.
    let _ = process.kill();
    process.wait().context("wait for the probe's end")?;
    for file in [image, serial] {
        let _ = fs::remove_file(file);
    }
    Ok(spoke)
}

fn boot_sector() -> Vec<u8> {
    let mut sector = [REAL_MODE, LONG_MODE, TABLES].concat();
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    sector
}

#[rustfmt::skip]
const REAL_MODE: &[u8] = &[
    0xfa,                                                  // 7c00 cli
    0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0,        //      ds = es = ss = 0
    0xbc, 0x00, 0x7c,                                      //      sp = 0x7c00
    0xba, 0xf8, 0x03, 0xb0, b'R', 0xee,                    //      out 0x3f8, 'R'
    0x66, 0xbf, 0x00, 0x10, 0x00, 0x00,                    //      zero three page tables at 0x1000
    0x66, 0x31, 0xc0,
    0x66, 0xb9, 0x00, 0x0c, 0x00, 0x00,
    0x66, 0xf3, 0xab,
    0x66, 0xc7, 0x06, 0x00, 0x10, 0x03, 0x20, 0x00, 0x00,  //      level 4 -> 0x2000
    0x66, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0x00, 0x00,  //      level 3 -> 0x3000
    0x66, 0xc7, 0x06, 0x00, 0x30, 0x83, 0x00, 0x00, 0x00,  //      level 2: the first 2 MB as they are
    0x0f, 0x01, 0x16, 0xc0, 0x7c,                          //      lgdt 0x7cc0
    0x0f, 0x20, 0xe0, 0x66, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0,              // cr4: PAE
    0x66, 0xb8, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xd8,                    // cr3 = 0x1000
    0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32,                          // EFER: long mode
    0x66, 0x0d, 0x00, 0x01, 0x00, 0x00, 0x0f, 0x30,
    0x0f, 0x20, 0xc0, 0x66, 0x0d, 0x01, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0,  // cr0: paging, protection
    0xea, 0x78, 0x7c, 0x08, 0x00,                          // 7c73 jump 8:0x7c78
];

#[rustfmt::skip]
const LONG_MODE: &[u8] = &[
    0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xd0,        // 7c78 ds = ss = 16
    0x66, 0xba, 0xf8, 0x03, 0xb0, b'L', 0xee,              //      out 0x3f8, 'L'
    0x0f, 0x01, 0x1c, 0x25, 0x06, 0x7d, 0x00, 0x00,        //      lidt 0x7d06
    0xcc,                                                  //      int3
    0x66, 0xba, 0xf8, 0x03, 0xb0, b'B', 0xee,              //      out 0x3f8, 'B'
    0xf4, 0xeb, 0xfd,                                      //      halt for ever
    0x66, 0xba, 0xf8, 0x03, 0xb0, b'T', 0xee,              // 7c9a the trap: out 0x3f8, 'T'
    0x48, 0xcf,                                            //      iretq
];

#[rustfmt::skip]
const TABLES: &[u8] = &[
    0, 0, 0, 0, 0,                                         // 7ca3
    0, 0, 0, 0, 0, 0, 0, 0,                                // 7ca8 GDT: none, 64-bit code, data
    0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xaf, 0x00,
    0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00,
    0x17, 0x00, 0xa8, 0x7c, 0x00, 0x00,                    // 7cc0 its size and place
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,        // 7cc6 IDT: gates 0 to 2
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0x9a, 0x7c, 0x08, 0x00, 0x00, 0x8e, 0x00, 0x00,        //      gate 3, int3: 8:0x7c9a
    0, 0, 0, 0, 0, 0, 0, 0,
    0x3f, 0x00, 0xc6, 0x7c, 0, 0, 0, 0, 0, 0,              // 7d06 its size and place
];
