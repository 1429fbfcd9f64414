//! Makes the installed disk bootable by both firmwares. EFI files go to the path that firmware tries by itself, so its
//! boot order in NVRAM stays as it is; BIOS boot code is written by the image's own tool. The texts are pure.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use api::image::Bootloader;
use api::task::Setup;

use crate::command;

/// Reads the loader's own configuration from the root file system, wherever that disk stands in the firmware's eyes.
pub fn efi_config(root_uuid: &str) -> String {
    format!(
        "search --no-floppy --fs-uuid --set=root {root_uuid}\n\
         set prefix=($root)/boot/grub\n\
         configfile $prefix/grub.cfg\n"
    )
}

/// Ten lines instead of what update-grub takes half a minute to find out.
pub fn config(setup: &Setup, root_uuid: &str) -> String {
    let boot = &setup.boot;
    let consoles = setup.consoles.iter().map(|console| format!(" console={console}"));
    let own = setup.kernel_arguments.iter().map(|argument| format!(" {argument}"));
    let arguments: String = consoles.chain(own).collect();
    let serial = setup.consoles.iter().find_map(|c| serial_terminal(c)).unwrap_or_default();
    let (kernel, initrd) = (absolute(&boot.kernel_path), absolute(&boot.initrd_path));
    format!(
        "# Written by metal-agent at install time.\n\
         {serial}set timeout_style=hidden\n\
         set timeout=1\n\
         set default=0\n\
         {NEXT_ENTRY}\
         search --no-floppy --fs-uuid --set=root {root_uuid}\n\
         menuentry 'Linux' {{\n\
         \x20   linux {kernel} root=UUID={root_uuid} ro{arguments} panic=30\n\
         \x20   initrd {initrd}\n\
         }}\n\
         if [ -f $prefix/custom.cfg ]; then\n\
         \x20   source $prefix/custom.cfg\n\
         fi\n"
    )
}

/// An entry for one boot, as grub-reboot asks for it. It counts only when GRUB could take the word back: one that stood
/// there for ever would keep the machine from its OS.
const NEXT_ENTRY: &str = "\
if [ -s $prefix/grubenv ]; then
    load_env
fi
if [ \"${next_entry}\" ]; then
    set once=\"${next_entry}\"
    set next_entry=
    if save_env next_entry; then
        set default=\"${once}\"
    fi
fi
";

/// `ttyS1,115200n8` is GRUB's unit 1 at 115200.
fn serial_terminal(console: &str) -> Option<String> {
    let rest = console.strip_prefix("ttyS")?;
    let (unit, speed) = rest.split_once(',').unwrap_or((rest, "9600"));
    let unit: u8 = unit.parse().ok()?;
    let digits: String = speed.chars().take_while(char::is_ascii_digit).collect();
    let speed: u32 = digits.parse().ok()?;
    Some(format!(
        "if serial --unit={unit} --speed={speed}; then\n\
         \x20   terminal_input serial console\n\
         \x20   terminal_output serial console\n\
         fi\n"
    ))
}

fn absolute(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

/// `root` and `esp` are mounted.
pub fn write(root: &Path, esp: &Path, setup: &Setup, root_uuid: &str) -> Result<()> {
    let boot = &setup.boot;
    for path in [&boot.kernel_path, &boot.initrd_path] {
        let file = below(root, path)?;
        ensure!(
            file.exists(),
            "the image has no /{}, which its manifest names",
            path.trim_start_matches('/')
        );
    }
    put(&below(root, "boot/grub/grub.cfg")?, config(setup, root_uuid).as_bytes())?;
    for (from, to) in &boot.efi {
        let bytes = fs::read(below(root, from)?)
            .with_context(|| format!("cannot read the EFI loader {from} of the image"))?;
        put(&below(esp, to)?, &bytes)?;
    }
    put(&below(esp, &boot.efi_config)?, efi_config(root_uuid).as_bytes())
}

/// With /dev, /proc and /sys mounted below `root`: the tool asks them where the disk is.
pub fn write_bios(root: &Path, boot: &Bootloader, disk: &Path) -> Result<()> {
    let root = root.to_string_lossy();
    let disk = disk.to_string_lossy();
    command::run("chroot", [&root, boot.bios.as_str(), "--target=i386-pc", &disk])?;
    Ok(())
}

/// A manifest is data from a server: its paths stay below where they are meant.
pub fn below(base: &Path, path: &str) -> Result<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let plain = relative.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    ensure!(plain && !path.is_empty(), "the path `{path}` leads out of {}", base.display());
    Ok(base.join(relative))
}

pub fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn setup(consoles: &[&str], kernel_arguments: &[&str]) -> Setup {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Setup {
            site: "lab".into(),
            hostname: "node07".parse().unwrap(),
            authorized_keys: vec![],
            consoles: words(consoles),
            kernel_arguments: words(kernel_arguments),
            interfaces: vec![],
            ntp: vec![],
            boot: Bootloader {
                efi: vec![("usr/lib/shim/shimx64.efi.signed".into(), "EFI/BOOT/BOOTX64.EFI".into())],
                efi_config: "EFI/debian/grub.cfg".into(),
                bios: "/usr/sbin/grub-install".into(),
                kernel_path: "/vmlinuz".into(),
                initrd_path: "initrd.img".into(),
            },
            image_path: String::new(),
            ram: None,
        }
    }

    #[test]
    fn consoles_keep_their_order_and_the_profiles_arguments_follow() {
        let text = config(&setup(&["tty0", "ttyS1,57600n8"], &["nomodeset", "iommu=pt"]), "u-1");
        let line = "linux /vmlinuz root=UUID=u-1 ro console=tty0 console=ttyS1,57600n8 nomodeset iommu=pt panic=30\n";
        assert!(text.contains(&format!("{line}    initrd /initrd.img")), "{text}");
        assert!(text.contains("serial --unit=1 --speed=57600"), "{text}");
        assert!(!config(&setup(&["tty0"], &[]), "u-1").contains("serial"));
    }

    #[test]
    fn a_word_for_one_boot_counts_only_when_it_could_be_taken_back() {
        let text = config(&setup(&[], &[]), "u-1");
        let order = [
            "set default=0\n",
            "load_env\n",
            "set next_entry=\n",
            "if save_env next_entry; then\n",
            "search ",
        ];
        let places: Vec<_> = order.iter().map(|line| text.find(line).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(
            text.ends_with("if [ -f $prefix/custom.cfg ]; then\n    source $prefix/custom.cfg\nfi\n"),
            "{text}"
        );
    }

    #[test]
    fn paths_of_a_manifest_stay_inside() {
        let base = Path::new("/r");
        assert_eq!(below(base, "/a/b").unwrap(), Path::new("/r/a/b"));
        for path in ["", "../x", "a/../../x", "/"] {
            assert!(below(base, path).is_err() || below(base, path).unwrap() != Path::new("/x"), "{path}");
        }
        assert!(below(base, "../x").is_err());
    }

    #[test]
    fn files_land_on_both_file_systems() {
        let (root, esp) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for file in ["vmlinuz", "initrd.img", "usr/lib/shim/shimx64.efi.signed"] {
            put(&root.path().join(file), file.as_bytes()).unwrap();
        }
        write(root.path(), esp.path(), &setup(&[], &[]), "u-1").unwrap();
        assert_eq!(
            fs::read(esp.path().join("EFI/BOOT/BOOTX64.EFI")).unwrap(),
            b"usr/lib/shim/shimx64.efi.signed"
        );
        assert!(fs::read_to_string(esp.path().join("EFI/debian/grub.cfg")).unwrap().contains("u-1"));
        assert!(root.path().join("boot/grub/grub.cfg").exists());
        fs::remove_file(root.path().join("vmlinuz")).unwrap();
        let error = write(root.path(), esp.path(), &setup(&[], &[]), "u-1").unwrap_err();
        assert!(error.to_string().contains("/vmlinuz"));
    }
}
