//! A network namespace for a test that needs interfaces of its own, which takes root.

use std::process::Command;

pub fn run(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{line}");
}

/// On a thread of its own, which alone is moved: it and what it starts are in the new namespace, which
/// goes when they are gone.
pub fn in_a_namespace<T: Send + 'static>(inside: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        // SAFETY: only the network namespace is unshared, which no memory and no descriptor depends on.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }.expect("root");
        inside()
    });
    thread.join().unwrap()
}
