//! Which travels faster, a root file system as an image or as a tar? The same content, installed in turn on
//! the same machine; prints the medians. Takes minutes, so it belongs to `make test-long`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use api::state::State;
use lab::{Hardware, Rack};
use tests::server::{Server, evidence, images, text};

const ROUNDS: usize = 3;

const SITE: &str = r#"name = "formats"

[server]

[[network]]
name = "rack"
interface = "srv0"
address = "10.77.0.1/24"
pool = ["10.77.0.100-10.77.0.199"]
router_advertisements = true

[layout.plain]
root = { size = "3G", grow = true }

[profile.node]
image = "IMAGE"
layout = "plain"
hostname = "node{:02}"

[[machine]]
name = "node01"
macs = ["52:54:00:77:00:01"]
profile = "node"
"#;

#[test]
#[ignore = "six installs: make test-long runs it"]
fn an_image_of_the_file_system_is_faster_than_a_tar() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "formats")?;
    let images = both_formats(&folder)?;
    let mut rack = Rack::up("formats", &folder, "10.77.0.1/24")?;
    let site = |image: &str| SITE.replace("IMAGE", image);
    let mut server = Server::start(&rack, &site("debian-12"), &images)?;
    let machine = rack.add(Hardware::bios("node01", 1))?;
    machine.on()?;
    let (mut image, mut tar) = (Vec::new(), Vec::new());
    for round in 0..2 * ROUNDS {
        let generation = i64::try_from(round)? + 1;
        let (name, seconds) =
            if round % 2 == 0 { ("debian-12", &mut image) } else { ("debian-12-tar", &mut tar) };
        if round > 0 {
            server.restart_with(&rack, &site(name), &images)?;
            text(server.metalctl(&["machine", "reprovision", "node01", "--yes"])?)?;
        }
        server.wait("node01", "active", Duration::from_secs(600), |machine| {
            machine.state == State::Active && machine.generation == generation
        })?;
        seconds.push(installing(&server)?);
    }
    println!("seconds in `installing`: file-system image {image:?}, tar {tar:?}");
    println!("medians: file-system image {:.1} s, tar {:.1} s", median(&mut image), median(&mut tar));
    Ok(())
}

/// The images folder, and beside the OS the same files with the tar first.
fn both_formats(folder: &Path) -> Result<PathBuf> {
    let (built, ours) = (images()?, folder.join("images"));
    fs::create_dir_all(ours.join("debian-12-tar"))?;
    for name in ["ram", "loaders", "debian-12"] {
        symlink(built.join(name), ours.join(name))?;
    }
    let os = built.join("debian-12");
    for file in ["root.ext4.zst", "root.tar.zst"] {
        symlink(os.join(file), ours.join("debian-12-tar").join(file))?;
    }
    let manifest =
        fs::read_to_string(os.join("manifest.toml"))?.replace("\"debian-12\"", "\"debian-12-tar\"");
    let mut parts = manifest.split("[[file]]\n");
    let (head, image) = (parts.next().context("a head")?, parts.next().context("an image")?);
    let (tar, boot) = parts.next().and_then(|rest| rest.split_once("[boot]")).context("a tar and [boot]")?;
    let swapped = format!("{head}[[file]]\n{tar}[[file]]\n{image}[boot]{boot}");
    fs::write(ours.join("debian-12-tar/manifest.toml"), swapped)?;
    Ok(ours)
}

/// Seconds of the newest install.
fn installing(server: &Server) -> Result<f64> {
    let history = server.ask(server.client()?.machine("node01"))?.history;
    let newest = |state| history.iter().find(|e| e.to == state && e.from != e.to).map(|e| e.at);
    let (began, ended) = (newest(State::Installing), newest(State::Booting));
    Ok((ended.context("no end")? - began.context("no beginning")?) as f64 / 1e6)
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
