//! What is not ours is not erased: whose the content of a disk is, and who may allow that it goes.

use api::facts::{Disk, Identity};

use super::refusal::{Foreign, Refusal};
use super::{Authorisation, Wanted};
use crate::config::Approve;

pub fn judge(wanted: &Wanted, disk: &Disk, authorisation: Authorisation) -> Result<(), Refusal> {
    let name = wanted.name.to_string();
    let refused =
        |needs: Authorisation, refusal: Refusal| if authorisation < needs { Err(refusal) } else { Ok(()) };
    let disk = Box::new(disk.clone());
    match disk.content.identity.as_ref().map(|identity| (identity, foreign(wanted, identity))) {
        Some((identity, Some(foreign))) => {
            let identity = Box::new(identity.clone());
            refused(Authorisation::EraseForeign, Refusal::Foreign { name, disk, identity, foreign })
        }
        None if !disk.content.is_untouched() => {
            refused(Authorisation::Person, Refusal::Content { name, disk })
        }
        _ if wanted.profile.approve == Approve::Person => {
            let profile = wanted.profile.name.clone();
            refused(Authorisation::Person, Refusal::Unapproved { name, disk, profile })
        }
        _ => Ok(()),
    }
}

/// Why an install on the disk is not this machine's own; None when it is.
fn foreign(wanted: &Wanted, identity: &Identity) -> Option<Foreign> {
    if identity.site != wanted.site {
        return Some(Foreign::Site);
    }
    if identity.machine != wanted.machine.0 {
        return Some(Foreign::Machine);
    }
    // The database knows less than the disk: it was restored from a backup.
    (identity.generation > wanted.generation).then_some(Foreign::Newer { row: wanted.generation })
}
