//! Installs an OS into a layout that is already there: image, bootloader, settings, and the identity file last.
//! Never touches a table. Each step overwrites what an earlier attempt left.

pub mod bootloader;
pub mod download;
mod image;
mod mounts;
mod settings;
mod system;
#[cfg(test)]
pub(crate) mod tests;
mod unpack;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use api::facts::BootMode;
use api::layout::Fs;
use api::plan::{Plan, PlannedPartition, Role};
use api::task::Setup;
use rustix::mount::MountFlags;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::boot_server;
use crate::command;
use crate::install::download::{Download, Fetched, Source};
use crate::install::image::{PIECES, Target};
use crate::install::mounts::Mounts;
pub use crate::install::system::Membership;
use crate::log::Log;
use crate::report::Report;
use crate::sysfs::Tree;
use crate::{disk, gpt, inventory, mkfs, partition, ram_boot};

/// Where the new system is mounted while it is made.
pub const ROOT: &str = "/run/metal/root";

pub struct Install {
    pub plan: Plan,
    pub hash: String,
    pub setup: Setup,
    /// What the installed agent needs to be recognised.
    pub membership: Membership,
    pub report: Report,
    pub log: Log,
}

/// The planned disk and its partitions in this boot.
struct Place {
    disk: PathBuf,
    nodes: Vec<(PlannedPartition, PathBuf)>,
}

pub async fn run(install: Install) -> Result<()> {
    install.report.phase("download", install.plan.image.size);
    let (install, place) = blocking(move || {
        let place = prepare(&install)?;
        Ok((install, place))
    })
    .await?;
    let root = place.node(Role::Root)?.1.clone();
    write_image(&install, &root).await?;
    let (install, place) = blocking(move || {
        install.report.phase("file system", 0);
        finish_root(&install, &place)?;
        Ok((install, place))
    })
    .await?;
    keep_ram(&install, &place).await?;
    blocking(move || complete(&install, &place)).await
}

/// A way back to RAM for later: an install without it is whole, and the agent fetches it when it is needed.
async fn keep_ram(install: &Install, place: &Place) -> Result<()> {
    let Some(ram) = &install.setup.ram else { return Ok(()) };
    let node = place.node(Role::Root)?.1.clone();
    let mounts = blocking(move || {
        let mut mounts = Mounts::default();
        mounts.mount(&node, Path::new(ROOT), "ext4", MountFlags::NOATIME)?;
        Ok(mounts)
    })
    .await?;
    let (boot, report) = (&install.membership.boot, &install.report);
    let kept = ram_boot::keep(Path::new(ROOT), boot, ram, report, &install.log).await;
    blocking(move || mounts.finish()).await?;
    install.report.still_wanted()?;
    if let Err(error) = kept {
        install.log.say(format!("the RAM image is not kept beside the OS: {error:#}"));
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|e| anyhow!("the installing thread died: {e}"))?
}

/// Finds the place, and takes the identity file away first: a disk that is half written must not say that it is
/// installed.
fn prepare(install: &Install) -> Result<Place> {
    let plan = &install.plan;
    partition::check_plan(plan, &install.hash, &install.membership.machine)?;
    mounts::clear(Path::new(ROOT));
    let tree = Tree::new("/");
    let disks = inventory::disks::identities(&tree);
    let found = disk::find(&disks, &plan.disk)?;
    let path = tree.path("dev").join(&found.name);
    let table = gpt::table(&plan.disk)?;
    let mut file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    disk::verify_table(&mut file, &table).with_context(|| {
        format!("{} does not carry the plan's layout: nothing is written", path.display())
    })?;
    let nodes = partition::nodes(&tree, found, &plan.disk)?;
    let nodes = nodes.into_iter().map(|(p, node)| (p.clone(), node)).collect();
    let place = Place { disk: path, nodes };
    let (root, _) = place.node(Role::Root)?;
    let room = (root.last - root.first + 1) * u64::from(plan.disk.sector_size);
    ensure!(
        plan.image.unpacked <= room,
        "the image unpacks to {} bytes and its partition has {room}",
        plan.image.unpacked
    );
    begin(&place, &install.hash, &install.log)?;
    Ok(place)
}

/// An ESP that a cut left unreadable is made anew: it holds nothing that an install does not write.
fn begin(place: &Place, hash: &str, log: &Log) -> Result<()> {
    let (esp, node) = place.node(Role::Esp)?;
    let point = Path::new(ROOT).join("esp");
    let begin = || {
        let mut mounts = Mounts::default();
        mounts.mount(node, &point, "vfat", MountFlags::empty())?;
        system::begin(&point, hash)?;
        mounts.finish()
    };
    begin().or_else(|error| {
        log.say(format!("{error:#}: the ESP is made anew"));
        mkfs::make(Fs::Vfat, esp, node)?;
        begin()
    })
}

impl Place {
    fn node(&self, role: Role) -> Result<&(PlannedPartition, PathBuf)> {
        self.nodes
            .iter()
            .find(|(p, _)| p.role == role)
            .with_context(|| format!("the plan has no {role:?} partition"))
    }
}

/// A digest that does not match is tried once more from the start: the bytes may have changed on the way. Twice the
/// same is a wrong image.
async fn write_image(install: &Install, node: &Path) -> Result<()> {
    let planned = &install.plan.image;
    ensure!(
        matches!(planned.format.as_str(), "ext4.zst" | "tar.zst"),
        "this agent cannot write an image of the format `{}`; it knows ext4.zst and tar.zst",
        planned.format
    );
    let source = Source {
        url: format!("{}{}", install.membership.boot, install.setup.image_path),
        size: planned.size,
    };
    let http = boot_server::client()?;
    let download =
        Download { http: &http, source: &source, report: &install.report, log: &install.log, pace: 1.0 };
    let first = write_once(&download, install, node).await;
    let Err(error) = first else { return Ok(()) };
    install.report.still_wanted()?;
    install.log.say(format!("the image did not arrive whole: {error:#}; once more from the start"));
    install.report.phase("download", planned.size);
    write_once(&download, install, node).await.context("also at the second attempt")
}

async fn write_once(download: &Download<'_>, install: &Install, node: &Path) -> Result<()> {
    let planned = &install.plan.image;
    let (sink, pieces) = mpsc::channel(PIECES);
    let format = planned.format.clone();
    let (node, uuid) = (node.to_path_buf(), root_uuid(&install.plan)?.to_string());
    let root = install.plan.partition(Role::Root).context("the plan has no root partition")?;
    let length = (root.last - root.first + 1) * u64::from(install.plan.disk.sector_size);
    let writer = spawn_blocking(move || {
        if format == "tar.zst" {
            return write_tar(pieces, &node, &uuid);
        }
        let target = Target { path: node, offset: 0, length };
        image::write_ext4(pieces, &target).map(drop)
    });
    let fetched = download.send_to(sink).await;
    let written = writer.await.map_err(|e| anyhow!("the writing thread died: {e}"))?;
    match fetched? {
        Fetched::Unread => {
            written?;
            bail!("the image ends before its last byte")
        }
        Fetched::Whole { sha256 } if sha256 != planned.sha256 => {
            bail!("{} has the SHA-256 {sha256}, expected {}", download.source.url, planned.sha256)
        }
        Fetched::Whole { .. } => written,
    }
}

/// An attempt that was cut leaves files behind, so a tar always gets a new file system, with the planned UUID.
fn write_tar(pieces: mpsc::Receiver<Vec<u8>>, node: &Path, uuid: &str) -> Result<()> {
    let options = ["-q", "-F", "-U", uuid, "-E", "nodiscard,lazy_itable_init=1", &node.to_string_lossy()];
    command::run("mkfs.ext4", options)?;
    let mut mounts = Mounts::default();
    mounts.mount(node, Path::new(ROOT), "ext4", MountFlags::NOATIME)?;
    image::write_tar(pieces, Path::new(ROOT))?;
    mounts.finish()
}

fn root_uuid(plan: &Plan) -> Result<&str> {
    let root = plan.partition(Role::Root).context("the plan has no root partition")?;
    root.fs_uuid.as_deref().context("the plan gives the root file system no UUID")
}

/// The image came with its builder's UUID and size.
fn finish_root(install: &Install, place: &Place) -> Result<()> {
    let (root, node) = place.node(Role::Root)?;
    if install.plan.image.format == "ext4.zst" {
        adopt(node, root_uuid(&install.plan)?)?;
    }
    mkfs::verify(root, node)
}

/// Both tools refuse a file system that was not checked since it was last mounted; a fresh one passes without.
pub fn adopt(node: &Path, uuid: &str) -> Result<()> {
    let node = node.to_string_lossy();
    let set = || -> Result<()> {
        command::run("tune2fs", ["-U", uuid, &node])?;
        command::run("resize2fs", [&*node])?;
        Ok(())
    };
    if set().is_ok() {
        return Ok(());
    }
    let ended = command::end("e2fsck", ["-f", "-y", &node])?;
    // 1 and 2: errors were corrected.
    ensure!(
        matches!(ended.code, Some(0..=2)),
        "{} {}{}",
        ended.line,
        command::died(ended.code),
        ended.complaint
    );
    set()
}

fn complete(install: &Install, place: &Place) -> Result<()> {
    install.report.still_wanted()?;
    let root = Path::new(ROOT);
    let mut mounts = Mounts::default();
    mounts.mount(&place.node(Role::Root)?.1, root, "ext4", MountFlags::NOATIME)?;
    let esp = mount_rest(&mut mounts, place, root)?;
    install.report.phase("bootloader", 0);
    let uuid = root_uuid(&install.plan)?;
    bootloader::write(root, &esp, &install.setup, uuid)?;
    for (from, to) in [("/dev", "dev"), ("/proc", "proc"), ("/sys", "sys")] {
        mounts.bind(Path::new(from), &root.join(to))?;
    }
    if inventory::boot_mode(&Tree::new("/")) == BootMode::Bios {
        bootloader::write_bios(root, &install.setup.boot, &place.disk)?;
    }
    install.report.phase("settings", 0);
    let partitions = &install.plan.disk.partitions;
    system::write(root, &install.setup, partitions, &install.membership, &install.log)?;
    // Until here the disk must not claim to be installed, and afterwards nothing may be missing from it.
    rustix::fs::sync();
    system::write_identity(&esp, &install.setup, &install.membership)?;
    mounts.finish()?;
    rustix::fs::sync();
    let disk = File::open(&place.disk).with_context(|| format!("cannot open {}", place.disk.display()))?;
    disk.sync_all().with_context(|| format!("cannot flush {}", place.disk.display()))
}

/// ESP and extra file systems at their places below the root, outer ones first. Returns the ESP's place.
fn mount_rest(mounts: &mut Mounts, place: &Place, root: &Path) -> Result<PathBuf> {
    let mut rest: Vec<(PathBuf, &PathBuf, Fs)> = Vec::new();
    let mut esp = None;
    for (p, node) in &place.nodes {
        let point = match (p.role, &p.mount) {
            (Role::Esp, mount) => mount.as_deref().unwrap_or(settings::ESP_MOUNT),
            (Role::Extra, Some(mount)) => mount,
            _ => continue,
        };
        let point = bootloader::below(root, point)?;
        if p.role == Role::Esp {
            esp = Some(point.clone());
        }
        rest.push((point, node, p.fs.unwrap_or(Fs::Vfat)));
    }
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    for (point, node, fs) in rest {
        mounts.mount(node, &point, fs.as_str(), MountFlags::empty())?;
    }
    esp.context("the plan has no ESP")
}
