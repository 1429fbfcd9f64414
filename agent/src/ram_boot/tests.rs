//! The two files on a tree, fetched from a server of a few lines; and words that the agent in RAM understands.

use super::*;
use crate::boot_args;
use crate::install::tests::file_server::{FileServer, Manner, serve};

fn file(path: &str, content: &[u8]) -> RamFile {
    RamFile { path: path.into(), size: content.len() as u64, sha256: hex::encode(Sha256::digest(content)) }
}

fn requests(server: &FileServer) -> usize {
    server.asked.lock().unwrap().len()
}

#[tokio::test]
async fn files_are_fetched_once_and_again_when_the_server_has_others() {
    let root = tempfile::tempdir().unwrap();
    let (log, report) = (Log::default(), Report::new(Log::default()));
    let server = serve(b"the kernel".to_vec(), vec![Manner::Serve]);
    let ram = |kernel: RamFile| RamImage { kernel, initrd: file("/i", b"the kernel"), arguments: vec![] };
    keep(root.path(), &server.url, &ram(file("/k", b"the kernel")), &report, &log).await.unwrap();
    assert_eq!(fs::read(root.path().join(KERNEL)).unwrap(), b"the kernel");
    let asked = requests(&server);
    keep(root.path(), &server.url, &ram(file("/k", b"the kernel")), &report, &log).await.unwrap();
    assert_eq!(requests(&server), asked, "what is right is not fetched again");
    fs::write(root.path().join(KERNEL), "damaged").unwrap();
    keep(root.path(), &server.url, &ram(file("/k", b"the kernel")), &report, &log).await.unwrap();
    assert_eq!(fs::read(root.path().join(KERNEL)).unwrap(), b"the kernel");

    let other = RamFile { sha256: "0".repeat(64), ..file("/k", b"the kernel") };
    let error = keep(root.path(), &server.url, &ram(other), &report, &log).await.unwrap_err();
    assert!(error.to_string().contains("expected 000"), "{error:#}");
    assert_eq!(fs::read(root.path().join(KERNEL)).unwrap(), b"the kernel", "the old one stays");
    assert!(!root.path().join("boot/metal/vmlinuz.new").exists());
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let error = has_room(Path::new("/tmp"), u64::MAX - ROOM).unwrap_err();
    assert!(error.to_string().contains("needs"), "{error}");
}

#[test]
fn the_agent_in_ram_understands_what_it_is_told() {
    let ca = "ab".repeat(32);
    let port: Mac = "52:54:00:12:34:56".parse().unwrap();
    let found = Found {
        server: "https://10.77.0.1:8443",
        boot: "http://10.77.0.1:8080",
        ca_sha256: &ca,
        time: 1_795_000_000_000_000,
        port: Some(port),
    };
    let line = arguments(&found, &["console=ttyS0".into()]);
    let args = boot_args::parse(&line).unwrap();
    assert_eq!((args.server.as_str(), args.boot.as_str()), (found.server, found.boot));
    assert_eq!((args.ca_sha256, args.time, args.boot_interface), (ca.clone(), found.time, Some(port)));
    assert!(line.ends_with("panic=30 BOOTIF=01-52-54-00-12-34-56 console=ttyS0"), "{line}");
}
