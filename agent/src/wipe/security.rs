//! ATA's security feature set (ACS-3, 4.18) as `hdparm -I` tells of it: whether a drive can erase itself, how long that
//! takes, and what is in the way.

use std::fmt;

/// In the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureErase {
    /// Also sectors that are no longer in use; on drives that encrypt, the key goes.
    Enhanced,
    Normal,
}

impl fmt::Display for SecureErase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SecureErase::Enhanced => "ATA enhanced secure erase",
            SecureErase::Normal => "ATA secure erase",
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// A user password is set: somebody's, or ours of an erasure that was cut.
    pub enabled: bool,
    pub locked: bool,
    /// Takes no security command until its next power-on.
    pub frozen: bool,
    /// Takes no password until its next power-on: too many were wrong.
    pub expired: bool,
    /// Minutes; None where the drive does not say.
    pub normal: Option<u32>,
    /// None where it has no enhanced one.
    pub enhanced: Option<Option<u32>>,
}

/// None for a drive without the feature set.
pub fn parse(told: &str) -> Option<Security> {
    let mut security = Security::default();
    let mut supported = false;
    let lines = told.lines().skip_while(|line| line.trim() != "Security:").skip(1);
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["supported"] => supported = true,
            ["enabled"] => security.enabled = true,
            ["locked"] => security.locked = true,
            ["frozen"] => security.frozen = true,
            ["expired:", "security", "count"] => security.expired = true,
            ["supported:", "enhanced", "erase"] => security.enhanced = security.enhanced.or(Some(None)),
            _ if line.contains("SECURITY ERASE UNIT") => times(line, &mut security),
            _ => {}
        }
    }
    supported.then_some(security)
}

/// `2min for SECURITY ERASE UNIT. more than 508min for ENHANCED SECURITY ERASE UNIT.`
fn times(line: &str, security: &mut Security) {
    for sentence in line.split('.').filter(|sentence| sentence.contains("min for ")) {
        let minutes = sentence.split("min for ").next().and_then(|front| front.split_whitespace().last());
        let minutes = minutes.and_then(|number| number.parse().ok());
        if sentence.contains("ENHANCED") {
            security.enhanced = Some(minutes);
        } else {
            security.normal = minutes;
        }
    }
}

/// Minutes beyond which a drive overwrites itself, instead of forgetting a key or its tables of blocks.
const QUICK: u32 = 20;

/// What may be tried, or why nothing. `full`: hours do not matter.
pub fn offered(security: &Security, full: bool) -> Result<Vec<SecureErase>, String> {
    if security.frozen {
        return Err("the firmware froze the drive's security at power-on, as most firmware does, and it takes no such \
                    command until it is powered on without that: see `Security Freeze Lock` in the firmware, or plug \
                    the drive in after the start"
            .into());
    }
    if security.expired {
        return Err(
            "the drive was given too many wrong passwords and takes none until its next power-on".into()
        );
    }
    let enhanced = security.enhanced.map(|minutes| (SecureErase::Enhanced, minutes));
    let all = enhanced.into_iter().chain([(SecureErase::Normal, security.normal)]);
    let quick = |minutes: Option<u32>| minutes.is_some_and(|minutes| minutes <= QUICK);
    let offered: Vec<_> =
        all.filter(|(_, minutes)| full || quick(*minutes)).map(|(erase, _)| erase).collect();
    if offered.is_empty() {
        let minutes =
            security.normal.map_or("an unknown time".into(), |minutes| format!("{minutes} minutes"));
        return Err(format!("it would take {minutes}: --full takes that time"));
    }
    Ok(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout is that of hdparm 9.65, the times are an SSD's from a report on a forum, and nothing has frozen it.
    const SSD: &str = "\n/dev/sda:\n\nATA device, with non-removable media\n\tModel Number:       Samsung SSD 860 EVO 500GB\n\
        Commands/features:\n\tEnabled\tSupported:\n\t   *\tSMART feature set\n\t    \tSecurity Mode feature set\n\
        Security: \n\tMaster password revision code = 65534\n\t\tsupported\n\tnot\tenabled\n\tnot\tlocked\n\tnot\tfrozen\n\
        \tnot\texpired: security count\n\t\tsupported: enhanced erase\n\
        \t4min for SECURITY ERASE UNIT. 8min for ENHANCED SECURITY ERASE UNIT. \n\
        Logical Unit WWN Device Identifier: 5002538e40a1b2c3\n\tNAA\t\t: 5\nChecksum: correct\n";

    /// A WD hard disk that a desktop's firmware has frozen, from a report on a forum.
    const FROZEN: &str = "Security: \n\tMaster password revision code = 65534\n\t\tsupported\n\tnot\tenabled\n\tnot\tlocked\n\
        \t\tfrozen\n\tnot\texpired: security count\n\t\tsupported: enhanced erase\n\
        \t416min for SECURITY ERASE UNIT. 416min for ENHANCED SECURITY ERASE UNIT. \n\
        Logical Unit WWN Device Identifier: 50014ee208914f28\n";

    /// After `--security-set-pass`, from the ATA wiki's page on secure erase, and a power cut, which locks it.
    const ENABLED: &str = "Security: \n\tMaster password revision code = 65534\n\t\tsupported\n\t\tenabled\n\t\tlocked\n\
        \tnot\tfrozen\n\tnot\texpired: security count\n\t\tsupported: enhanced erase\n\tSecurity level high\n\
        \t2min for SECURITY ERASE UNIT. 2min for ENHANCED SECURITY ERASE UNIT.\n";

    /// A large disk whose times do not fit into the field, without the enhanced one.
    const LARGE: &str = "Security: \n\tMaster password revision code = 65534\n\t\tsupported\n\tnot\tenabled\n\tnot\tlocked\n\
        \tnot\tfrozen\n\tnot\texpired: security count\n\tnot\tsupported: enhanced erase\n\
        \tmore than 508min for SECURITY ERASE UNIT. \nChecksum: correct\n";

    /// A drive without the feature set, such as QEMU's.
    const NONE: &str = "\n/dev/sda:\n\nATA device, with non-removable media\n\tModel Number:       QEMU HARDDISK\n\
        Commands/features:\n\tEnabled\tSupported:\n\t   *\tSMART feature set\nHW reset results:\n\tCBLID- above Vih\n";

    #[test]
    fn a_drive_is_read_as_hdparm_prints_it() {
        let ssd = Security { normal: Some(4), enhanced: Some(Some(8)), ..Security::default() };
        assert_eq!(parse(SSD), Some(ssd));
        let frozen =
            Security { frozen: true, normal: Some(416), enhanced: Some(Some(416)), ..Security::default() };
        assert_eq!(parse(FROZEN), Some(frozen));
        let enabled = Security {
            enabled: true,
            locked: true,
            normal: Some(2),
            enhanced: Some(Some(2)),
            ..Security::default()
        };
        assert_eq!(parse(ENABLED), Some(enabled));
        assert_eq!(parse(LARGE), Some(Security { normal: Some(508), ..Security::default() }));
        assert_eq!(parse(NONE), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn minutes_are_taken_at_once_and_hours_where_all_has_to_go() {
        let read = |text| parse(text).unwrap();
        assert_eq!(offered(&read(SSD), false), Ok(vec![SecureErase::Enhanced, SecureErase::Normal]));
        let why = offered(&read(LARGE), false).unwrap_err();
        assert!(why.contains("508 minutes") && why.contains("--full"), "{why}");
        assert_eq!(offered(&read(LARGE), true), Ok(vec![SecureErase::Normal]));
        let silent = Security { enhanced: Some(None), ..Security::default() };
        assert!(offered(&silent, false).unwrap_err().contains("an unknown time"));
        assert_eq!(offered(&silent, true).unwrap().len(), 2);
    }

    #[test]
    fn what_is_in_the_way_is_explained() {
        let why = offered(&parse(FROZEN).unwrap(), true).unwrap_err();
        assert!(why.contains("froze") && why.contains("Security Freeze Lock"), "{why}");
        let why = offered(&Security { expired: true, ..Security::default() }, true).unwrap_err();
        assert!(why.contains("wrong passwords"), "{why}");
    }
}
