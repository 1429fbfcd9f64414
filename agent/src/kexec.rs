//! Starts another kernel from the running one, without firmware (kexec_file_load(2)). The kernel itself reads and checks
//! the files, so no program beside it is needed, and a signed kernel stays what it is under Secure Boot.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result};

/// From linux/kexec.h: load, and forget what was loaded.
const LOAD: libc::c_ulong = 0;
const UNLOAD: libc::c_ulong = 1;

/// From here on `systemctl kexec` starts it.
pub fn load(kernel: &Path, initrd: &Path, command_line: &str) -> Result<()> {
    let open = |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (kernel, initrd) = (open(kernel)?, open(initrd)?);
    let line = CString::new(command_line).context("a kernel argument holds a zero byte")?;
    let length = line.as_bytes_with_nul().len();
    // SAFETY: two descriptors that are open, and `length` bytes of a string that ends in zero and outlives the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            kernel.as_raw_fd(),
            initrd.as_raw_fd(),
            length,
            line.as_ptr(),
            LOAD,
        )
    };
    told(answer).context("the kernel does not load another one (kexec)")
}

/// So that the next reboot is one.
pub fn unload() -> Result<()> {
    let none: *const libc::c_char = std::ptr::null();
    // SAFETY: with this flag neither descriptors nor text are looked at.
    let answer = unsafe { libc::syscall(libc::SYS_kexec_file_load, -1, -1, 0usize, none, UNLOAD) };
    told(answer).context("the kernel does not forget the other one (kexec)")
}

fn told(answer: libc::c_long) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither of them is a kernel, so that whoever runs this as root loads nothing.
    #[test]
    fn what_the_kernel_refuses_is_told_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmlinuz");
        let error = load(&path, &path, "").unwrap_err();
        assert!(error.to_string().contains("vmlinuz"), "{error:#}");
        std::fs::write(&path, "no kernel").unwrap();
        let error = format!("{:#}", load(&path, &path, "console=ttyS0").unwrap_err());
        assert!(error.starts_with("the kernel does not load another one (kexec): "), "{error}");
    }
}
