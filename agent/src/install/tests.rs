//! Installing from a small HTTP server that drops connections, lies and forgets, onto plain files.

pub mod file_server;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::id::MachineId;
use api::image::Bootloader;
use sha2::{Digest, Sha256};

use self::file_server::{FileServer, Manner, serve};
use super::*;
use crate::sample::{self, MIB, ROOT_UUID};

/// Bytes that zstd cannot make much smaller, with a hole of zeroes inside.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(length)
    .collect();
    if let Some(hole) = bytes.get_mut(MIB as usize..2 * MIB as usize) {
        hole.fill(0);
    }
    bytes
}

fn install_of(body: &[u8], server: &FileServer, format: &str) -> Install {
    let mut plan = sample::plan(sample::planned_disk(96 * MIB, 512));
    plan.image.size = body.len() as u64;
    plan.image.format = format.into();
    plan.image.sha256 = hex::encode(Sha256::digest(body));
    let boot = Bootloader {
        efi: vec![],
        efi_config: String::new(),
        bios: String::new(),
        kernel_path: String::new(),
        initrd_path: String::new(),
    };
    let setup = Setup {
        site: "lab".into(),
        hostname: "node07".parse().unwrap(),
        authorized_keys: vec!["ssh-ed25519 AAAA a".into()],
        consoles: vec![],
        kernel_arguments: vec![],
        interfaces: vec!["52:54:00:00:00:01".parse().unwrap()],
        ntp: vec![],
        boot,
        image_path: "/images/debian-12/root".into(),
        ram: None,
    };
    Install {
        hash: plan.hash(),
        plan,
        setup,
        membership: membership(&server.url),
        report: Report::new(Log::default()),
        log: Log::default(),
    }
}

fn membership(boot: &str) -> Membership {
    Membership {
        server: "https://10.77.0.1:8443".into(),
        boot: boot.into(),
        ca_pem: "CA".into(),
        ca_sha256: "00".into(),
        machine: MachineId("m-1".into()),
        generation: 3,
        key_pem: "KEY".into(),
        certificate_pem: "CERTIFICATE".into(),
        time: 1,
    }
}

/// A node that is full of something else, as a disk is.
fn node(folder: &Path) -> PathBuf {
    let path = folder.join("node");
    fs::write(&path, vec![0xee; 52 * MIB as usize]).unwrap();
    path
}

#[tokio::test]
async fn a_download_goes_on_where_it_stopped() {
    let content = noise(5 * MIB as usize + 4096);
    let body = zstd::encode_all(&content[..], 1).unwrap();
    let manners = vec![Manner::Drop(100_000), Manner::Busy, Manner::Drop(700_000), Manner::IgnoreRange];
    let server = serve(body.clone(), manners);
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    write_image(&install_of(&body, &server, "ext4.zst"), &node).await.unwrap();
    assert!(fs::read(&node).unwrap()[..content.len()] == content, "bytes differ");
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[..2], ["", "bytes=100000-"]);
    assert_eq!(asked[3], "bytes=800000-");
}

#[tokio::test]
async fn one_wrong_byte_is_tried_once_more_and_then_told() {
    let content = noise(3 * MIB as usize);
    let body = zstd::encode_all(&content[..], 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let server = serve(body.clone(), vec![Manner::Corrupt, Manner::Serve]);
    write_image(&install_of(&body, &server, "ext4.zst"), &node).await.unwrap();
    assert!(fs::read(&node).unwrap()[..content.len()] == content, "bytes differ");

    let server = serve(body.clone(), vec![Manner::Serve]);
    let mut install = install_of(&body, &server, "ext4.zst");
    let right = std::mem::replace(&mut install.plan.image.sha256, "ab".repeat(32));
    let error = format!("{:#}", write_image(&install, &node).await.unwrap_err());
    assert!(error.contains(&right) && error.contains(&"ab".repeat(32)), "{error}");
    assert!(error.starts_with("also at the second attempt"), "{error}");
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_image_that_is_too_large_stops_at_the_partitions_end() {
    let content = vec![0x11; 60 * MIB as usize];
    let body = zstd::encode_all(&content[..], 1).unwrap();
    let server = serve(body.clone(), vec![Manner::Serve]);
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path());
    let install = install_of(&body, &server, "ext4.zst");
    let root = install.plan.partition(Role::Root).unwrap();
    let room = (root.last - root.first + 1) * 512;
    let error = format!("{:#}", write_image(&install, &node).await.unwrap_err());
    assert!(error.contains("larger than its place"), "{error}");
    assert!(fs::metadata(&node).unwrap().len() >= room);
}

#[tokio::test]
async fn unknown_formats_are_named() {
    let body = vec![0; 10];
    let server = serve(body.clone(), vec![Manner::Serve]);
    let folder = tempfile::tempdir().unwrap();
    let error = write_image(&install_of(&body, &server, "qcow2"), &node(folder.path())).await.unwrap_err();
    assert!(format!("{error:#}").contains("`qcow2`"), "{error:#}");
}

#[tokio::test]
async fn what_nobody_wants_any_more_ends_at_once() {
    let content = noise(3 * MIB as usize);
    let body = zstd::encode_all(&content[..], 1).unwrap();
    let server = serve(body.clone(), vec![Manner::Drop(1000)]);
    let folder = tempfile::tempdir().unwrap();
    let install = install_of(&body, &server, "ext4.zst");
    install.report.stop();
    let error = write_image(&install, &node(folder.path())).await.unwrap_err();
    assert!(error.is::<crate::report::Unwanted>(), "{error:#}");
}

#[test]
fn an_image_gets_the_planned_uuid_and_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    fs::File::create(&path).unwrap().set_len(16 * MIB).unwrap();
    command::run("mkfs.ext4", ["-q", "-F", path.to_str().unwrap()]).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(48 * MIB).unwrap();
    adopt(&path, ROOT_UUID).unwrap();
    let probed = mkfs::probe(&path).unwrap();
    assert_eq!((probed.kind.as_str(), probed.uuid.as_str()), ("ext4", ROOT_UUID));
    let check = command::run("e2fsck", ["-f", "-n", path.to_str().unwrap()]).unwrap();
    assert!(check.contains("/12288 blocks") || check.contains("/49152 blocks"), "{check}");
    // And once more, as after a cut.
    adopt(&path, ROOT_UUID).unwrap();
}

/// cap_net_raw+ep, as Debian's ping has it.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// As root, which is what installs.
#[test]
fn a_tar_keeps_owners_modes_links_devices_and_capabilities() {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, kind: tar::EntryType, mode: u32, link: &str, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        header.set_mode(mode);
        header.set_uid(1234);
        header.set_gid(4321);
        header.set_mtime(1_000_000_000);
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        if link.is_empty() {
            tar.append_data(&mut header, name, data).unwrap();
        } else {
            tar.append_link(&mut header, name, link).unwrap();
        }
    };
    use tar::EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};
    add("./usr/", Directory, 0o755, "", b"");
    add("./usr/bin/", Directory, 0o755, "", b"");
    add("./bin", Symlink, 0o777, "usr/bin", b"");
    add("./usr/bin/su", Regular, 0o4755, "", b"su");
    add("./usr/bin/su2", Link, 0o4755, "./usr/bin/su", b"");
    add("./null", Char, 0o666, "", b"");
    add("./pipe", Fifo, 0o600, "", b"");
    tar.append_pax_extensions([("SCHILY.xattr.security.capability", &CAPABILITY[..])]).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o755);
    header.set_uid(7);
    header.set_gid(7);
    tar.append_data(&mut header, "./usr/bin/ping", &b"ping"[..]).unwrap();
    let bytes = tar.into_inner().unwrap();
    let root = tempfile::tempdir().unwrap();
    unpack::unpack(&mut &bytes[..], root.path()).unwrap();
    let of = |name: &str| fs::symlink_metadata(root.path().join(name)).unwrap();
    assert_eq!(of("usr/bin/su").mode() & 0o7777, 0o4755);
    assert_eq!((of("usr/bin/su").uid(), of("usr/bin/su").gid()), (1234, 4321));
    assert_eq!(of("usr/bin/su").mtime(), 1_000_000_000);
    assert_eq!(of("usr/bin/su").ino(), of("usr/bin/su2").ino());
    assert_eq!(fs::read_link(root.path().join("bin")).unwrap(), Path::new("usr/bin"));
    assert_eq!((of("bin").uid(), of("usr").uid()), (1234, 1234));
    assert!(of("null").file_type().is_char_device());
    assert_eq!((of("null").rdev(), of("null").mode() & 0o7777), (rustix::fs::makedev(1, 3), 0o666));
    assert!(of("pipe").file_type().is_fifo());
    let mut value = [0; 64];
    let ping = root.path().join("usr/bin/ping");
    let length = rustix::fs::getxattr(&ping, "security.capability", &mut value).unwrap();
    assert_eq!(value[..length], CAPABILITY);
}

#[test]
fn a_tar_that_leads_out_is_refused() {
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    header.as_old_mut().name[..7].copy_from_slice(b"../evil");
    header.set_cksum();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append(&header, &b""[..]).unwrap();
    let bytes = tar.into_inner().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let error = unpack::unpack(&mut &bytes[..], &root).unwrap_err().to_string();
    assert!(error.contains("../evil"), "{error}");
    assert!(!folder.path().join("evil").exists());
}

#[test]
fn the_system_is_told_who_it_is_and_the_identity_comes_last() {
    let (root, esp) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = FileServer { url: "http://10.77.0.1:8080".into(), asked: Arc::default() };
    let install = install_of(&[], &server, "tar.zst");
    // As some images do.
    fs::create_dir_all(root.path().join("etc")).unwrap();
    std::os::unix::fs::symlink("/nowhere", root.path().join("etc/machine-id")).unwrap();
    for _ in 0..2 {
        let partitions = &install.plan.disk.partitions;
        system::write(root.path(), &install.setup, partitions, &install.membership, &install.log).unwrap();
    }
    let text = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
    let mode = |path: &str| fs::metadata(root.path().join(path)).unwrap().mode() & 0o777;
    assert_eq!(text("etc/hostname"), "node07\n");
    assert_eq!(text("etc/machine-id").trim().len(), 32);
    assert_eq!((text("etc/metal/agent.key").as_str(), mode("etc/metal/agent.key")), ("KEY", 0o600));
    assert_eq!((mode("root/.ssh"), mode("root/.ssh/authorized_keys")), (0o700, 0o600));
    assert_eq!(mode("usr/local/sbin/metal-agent"), 0o755);
    let enabled = root.path().join("etc/systemd/system/multi-user.target.wants/metal-agent.service");
    assert!(fs::read_to_string(enabled).unwrap().contains("ExecStart=/usr/local/sbin/metal-agent"));
    let mut installed = crate::installed::load(root.path()).unwrap().unwrap();
    assert_eq!((installed.generation, installed.site.as_str()), (3, "lab"));
    assert_eq!(installed.identity, "/boot/efi/EFI/metal/identity.json");

    assert!(crate::installed::identity(&installed).is_err());
    system::begin(esp.path(), "hash").unwrap();
    system::write_identity(esp.path(), &install.setup, &install.membership).unwrap();
    installed.identity = esp.path().join("EFI/metal/identity.json").to_string_lossy().into_owned();
    let identity = crate::installed::identity(&installed).unwrap();
    assert_eq!((identity.machine.as_str(), identity.generation), ("m-1", 3));
    system::begin(esp.path(), "hash").unwrap();
    assert!(crate::installed::identity(&installed).is_err());
}
