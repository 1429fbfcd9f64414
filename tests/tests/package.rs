//! The Debian package: built from the programs that are here, installed below a folder, and purged again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tests::server::{program, text};

#[test]
fn it_is_built_installed_and_purged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (package, root) = (folder.path().join("metald.deb"), folder.path().join("root"));
    build(&package)?;
    fs::create_dir_all(root.join("var/lib/dpkg/info"))?;
    fs::create_dir_all(root.join("var/lib/dpkg/updates"))?;
    fs::write(root.join("var/lib/dpkg/status"), "")?;
    // The folder has nothing else installed, libc neither.
    let said = dpkg(&root, &["--force-depends", "--install"], package.to_str().context("a path")?)?;
    ensure!(said.contains("metald init"), "whoever installs it is told what comes next:\n{said}");
    for file in ["usr/sbin/metald", "usr/bin/metalctl"] {
        let mut command = Command::new(root.join(file));
        command.arg("--version");
        let version = text(command)?;
        ensure!(version.trim().ends_with(env!("CARGO_PKG_VERSION")), "{file}: {version}");
    }
    for file in [
        "share/metald/alerts/metald.rules.yml",
        "share/doc/metald/operators.md",
        "share/doc/metald/openapi.json",
        "share/doc/metald/copyright",
    ] {
        ensure!(root.join("usr").join(file).exists(), "{file} is missing");
    }
    ensure!(manual(&root)? == manual_of_the_program(folder.path())?, "a page for each verb, and no other");
    for (shell, file) in [
        ("bash", "bash-completion/completions/metalctl"),
        ("zsh", "zsh/vendor-completions/_metalctl"),
        ("fish", "fish/vendor_completions.d/metalctl.fish"),
    ] {
        let mut command = Command::new(program("metalctl")?);
        command.args(["completions", shell]);
        let installed = fs::read_to_string(root.join("usr/share").join(file)).context(file)?;
        ensure!(installed == text(command)? && installed.contains("reprovision"), "{file}: {installed}");
    }
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/metald.service"))?;
    ensure!(unit.contains("\nExecStart=/usr/sbin/metald run --config /etc/metald/site.toml\n"), "{unit}");
    ensure!(!unit.contains("/tmp/"), "a place of the build is left in the unit:\n{unit}");

    fs::create_dir_all(root.join("var/lib/metald"))?;
    fs::write(root.join("var/lib/metald/ca.key"), "key")?;
    let said = dpkg(&root, &["--purge"], "metald")?;
    ensure!(said.contains("/var/lib/metald stays"), "{said}");
    ensure!(root.join("var/lib/metald/ca.key").exists() && !root.join("usr/sbin/metald").exists());
    Ok(())
}

/// The pages that are installed.
fn manual(root: &Path) -> Result<BTreeSet<String>> {
    let pages = fs::read_dir(root.join("usr/share/man/man1")).context("the manual")?;
    pages.map(|page| Ok(page?.file_name().to_string_lossy().into_owned())).collect()
}

/// The pages that it writes by itself, by the names that they have once they are packed.
fn manual_of_the_program(folder: &Path) -> Result<BTreeSet<String>> {
    let folder = folder.join("man");
    for name in ["metald", "metalctl"] {
        let mut command = Command::new(program(name)?);
        command.arg("man").arg(&folder);
        text(command)?;
    }
    let pages: BTreeSet<String> = fs::read_dir(&folder)?
        .map(|page| Ok(format!("{}.gz", page?.file_name().to_string_lossy())))
        .collect::<Result<_>>()?;
    ensure!(pages.contains("metalctl-machine-wipe.1.gz"), "{pages:?}");
    Ok(pages)
}

fn build(package: &Path) -> Result<()> {
    let programs = program("metald")?.parent().map(PathBuf::from).context("the programs' folder")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/deb");
    let mut command = Command::new(script);
    // Compressing is the package's business, not the test's.
    command.arg(programs).arg(package).arg("none");
    text(command).map(drop)
}

fn dpkg(root: &Path, verb: &[&str], what: &str) -> Result<String> {
    let mut command = Command::new("dpkg");
    command.arg(format!("--root={}", root.display())).args(["--force-script-chrootless", "--force-not-root"]);
    command.args(verb).arg(what);
    text(command)
}
