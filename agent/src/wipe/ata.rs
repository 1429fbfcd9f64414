//! Lets an ATA drive erase itself, by hdparm. A drive does that only for who has set a password, and stays locked by it
//! where power goes in the middle: so the password is one that everybody may know, and the next attempt opens the
//! drive with it.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use api::facts::{Disk, Transport};

use super::security::{SecureErase, Security, offered, parse};
use super::ways::Barred;
use crate::command;

/// No secret. Who finds a drive that is locked by it may open it.
const PASSWORD: &str = "metal";

/// What this drive can, or why it cannot.
pub fn abilities(path: &Path, disk: &Disk, full: bool) -> (Vec<SecureErase>, Option<Barred>) {
    if disk.transport != Transport::Sata {
        return (Vec::new(), None);
    }
    abilities_with(&mut |arguments| hdparm(path, arguments), full)
}

/// A drive that does not answer such questions, or an image without hdparm, has other ways.
fn abilities_with(run: Run<'_>, full: bool) -> (Vec<SecureErase>, Option<Barred>) {
    let Ok(Some(security)) = look(run) else { return (Vec::new(), None) };
    match offered(&security, full) {
        Ok(ways) => (ways, None),
        Err(why) => (Vec::new(), Some(Barred { way: SecureErase::Normal.to_string(), why })),
    }
}

pub fn run(path: &Path, erase: SecureErase) -> Result<()> {
    erase_with(&mut |arguments| hdparm(path, arguments), erase)
}

fn hdparm(path: &Path, arguments: &[&str]) -> Result<String> {
    let words = arguments.iter().map(|word| (*word).into()).chain([path.as_os_str().to_owned()]);
    command::run("hdparm", words)
}

/// Runs hdparm with these arguments on the drive.
type Run<'a> = &'a mut dyn FnMut(&[&str]) -> Result<String>;

fn look(run: Run<'_>) -> Result<Option<Security>> {
    Ok(parse(&run(&["-I"])?))
}

/// hdparm may end well though the drive refused: what counts is what the drive says afterwards.
fn erase_with(run: Run<'_>, erase: SecureErase) -> Result<()> {
    let security = || "the drive no longer tells of its security";
    let before = look(run)?.with_context(security)?;
    if before.locked {
        user(run, "--security-unlock")?;
        ensure!(
            !look(run)?.with_context(security)?.locked,
            "the drive is locked by a password that is not ours: its owner opens it, or it is destroyed"
        );
    }
    user(run, "--security-set-pass")?;
    ensure!(
        look(run)?.with_context(security)?.enabled,
        "the drive did not take the password that its erasure needs"
    );
    let verb = match erase {
        SecureErase::Enhanced => "--security-erase-enhanced",
        SecureErase::Normal => "--security-erase",
    };
    let erased = user(run, verb);
    // One that has erased itself has forgotten the password with all else.
    if !look(run)?.with_context(security)?.enabled {
        return erased;
    }
    let opened = user(run, "--security-disable");
    let why = erased
        .err()
        .map_or("it kept its password, so nothing was erased".into(), |error| format!("{error:#}"));
    match opened {
        Ok(()) => bail!("{why}"),
        Err(error) => bail!("{why}; it stays locked by the password `{PASSWORD}`: {error:#}"),
    }
}

fn user(run: Run<'_>, verb: &str) -> Result<()> {
    run(&["--user-master", "u", verb, PASSWORD]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drive as far as its security goes.
    #[derive(Default)]
    struct Drive {
        password: Option<&'static str>,
        locked: bool,
        frozen: bool,
        erased: u32,
        refuses: &'static [&'static str],
        /// What it was asked, in order: hdparm's verbs.
        asked: Vec<String>,
    }

    impl Drive {
        fn hdparm(&mut self, arguments: &[&str]) -> Result<String> {
            let &["--user-master", "u", verb, password] = arguments else {
                assert_eq!(arguments, ["-I"]);
                self.asked.push("-I".into());
                let not = |is: bool| if is { "\t" } else { "not" };
                return Ok(format!(
                    "Security: \n\t\tsupported\n\t{}\tenabled\n\t{}\tlocked\n\t{}\tfrozen\n\
                     \t\tsupported: enhanced erase\n\
                     \t2min for SECURITY ERASE UNIT. 2min for ENHANCED SECURITY ERASE UNIT.\n",
                    not(self.password.is_some()),
                    not(self.locked),
                    not(self.frozen)
                ));
            };
            self.asked.push(verb.into());
            let fits = self.password == Some(password);
            if self.frozen || self.refuses.contains(&verb) || (self.locked && !fits) {
                bail!("SG_IO: bad/missing sense data");
            }
            match verb {
                "--security-unlock" => self.locked = false,
                "--security-set-pass" => self.password = Some(PASSWORD),
                "--security-disable" => self.password = None,
                "--security-erase" | "--security-erase-enhanced" if fits => {
                    (self.password, self.erased) = (None, self.erased + 1);
                }
                _ => bail!("unexpected {verb}"),
            }
            Ok(String::new())
        }

        fn erase(&mut self) -> Result<()> {
            erase_with(&mut |arguments| self.hdparm(arguments), SecureErase::Normal)
        }

        fn abilities(&mut self) -> (Vec<SecureErase>, Option<Barred>) {
            abilities_with(&mut |arguments| self.hdparm(arguments), true)
        }
    }

    #[test]
    fn a_frozen_drive_is_looked_at_and_asked_for_nothing() {
        let mut drive = Drive { frozen: true, ..Drive::default() };
        let (ways, barred) = drive.abilities();
        assert_eq!((ways, &drive.asked[..]), (vec![], &["-I".to_string()][..]));
        let barred = barred.unwrap();
        assert_eq!(barred.way, "ATA secure erase");
        assert!(barred.why.contains("froze"), "{}", barred.why);
        let mut open = Drive::default();
        assert_eq!(open.abilities(), (vec![SecureErase::Enhanced, SecureErase::Normal], None));
        assert_eq!(open.asked, ["-I"], "a look changes nothing");
    }

    #[test]
    fn an_open_drive_erases_itself_and_is_open_afterwards() {
        let mut drive = Drive::default();
        drive.erase().unwrap();
        assert_eq!((drive.erased, drive.password), (1, None));
        assert_eq!(drive.asked, ["-I", "--security-set-pass", "-I", "--security-erase", "-I"]);
        let mut drive = Drive::default();
        erase_with(&mut |arguments| drive.hdparm(arguments), SecureErase::Enhanced).unwrap();
        assert_eq!(drive.asked[3], "--security-erase-enhanced");
    }

    #[test]
    fn an_erasure_that_was_cut_is_made_again() {
        let mut drive = Drive { password: Some(PASSWORD), locked: true, ..Drive::default() };
        drive.erase().unwrap();
        assert_eq!((drive.erased, drive.password), (1, None));
        assert_eq!(drive.asked[..4], ["-I", "--security-unlock", "-I", "--security-set-pass"]);
    }

    #[test]
    fn somebodys_password_is_told_of_and_kept() {
        let mut drive = Drive { password: Some("theirs"), locked: true, ..Drive::default() };
        assert!(drive.erase().is_err());
        assert_eq!((drive.erased, drive.password), (0, Some("theirs")));
        assert_eq!(drive.asked, ["-I", "--security-unlock"], "one guess: drives count them");
    }

    #[test]
    fn a_drive_that_refuses_is_not_left_locked() {
        let mut drive = Drive { refuses: &["--security-erase"], ..Drive::default() };
        let error = drive.erase().unwrap_err().to_string();
        assert!(error.contains("bad/missing sense data"), "{error}");
        assert_eq!((drive.erased, drive.password), (0, None));
        assert_eq!(drive.asked[3..], ["--security-erase", "-I", "--security-disable"]);
        let mut drive = Drive { refuses: &["--security-erase", "--security-disable"], ..Drive::default() };
        let error = drive.erase().unwrap_err().to_string();
        assert!(error.contains("locked by the password `metal`"), "{error}");
    }
}
