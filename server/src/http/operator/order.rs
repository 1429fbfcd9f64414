//! From an operator's verb to the event that it means, with what the verb needs beside its name.

use api::event::Event;
use api::machine::Allowed;
use api::order::{Order, Verb};
use api::state::{Life, State as LifeState};
use api::tombstone::Tombstone;
use api::wipe::{DiskName, WipePreview, WipeQuery, WipeScope, WipeWish};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;

use super::Operator;
use crate::app::App;
use crate::freeze::shown::{Erased, changed};
use crate::http::error::Failure;
use crate::store::machine::Row;
use crate::wipe::WIPE;

pub fn event(
    app: &App,
    row: &Row,
    life: &Life,
    (verb, allowed, order): (&str, Allowed, Order),
) -> Result<Event, Failure> {
    let Allowed { erase_foreign, .. } = allowed;
    let unknown = |_| Failure::new(StatusCode::NOT_FOUND, format!("there is no verb `{verb}`"));
    Ok(match verb.parse::<Verb>().map_err(unknown)? {
        // A machine that is only recorded is let in; one that waits gets its disks erased.
        Verb::Approve if !life.enrolled => Event::Enroll,
        Verb::Approve => Event::Approved { erase_foreign },
        Verb::Assign => assign(app, order)?,
        Verb::Reprovision => Event::Reprovision { erase_foreign },
        Verb::Retry => Event::Retry,
        Verb::Hold => Event::Hold,
        Verb::Release => Event::Release,
        Verb::Inspect => Event::Inspect,
        Verb::Rescue => Event::Rescue { keys: keys(app, row, order)? },
        Verb::Leave => Event::Leave,
        Verb::Wipe => Event::Wipe { wish: wish(erase_foreign, order) },
        Verb::Retire => Event::Retire { wish: wish(erase_foreign, order) },
        Verb::Delete => Event::Delete,
    })
}

fn assign(app: &App, order: Order) -> Result<Event, Failure> {
    let names = || app.site.profiles.keys().cloned().collect::<Vec<_>>().join(", ");
    let unusable = |error: String| {
        Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, format!("the site file has: {}", names()))
    };
    let profile = order.profile.ok_or_else(|| unusable("`assign` needs the name of a profile".into()))?;
    if !app.site.profiles.contains_key(&profile) {
        return Err(unusable(format!("there is no profile `{profile}`")));
    }
    Ok(Event::Assign { clustered: app.is_clustered(&profile), profile })
}

/// A rescue that nobody can log in to would only take the machine away.
fn keys(app: &App, row: &Row, order: Order) -> Result<Vec<String>, Failure> {
    let refuse =
        |error: &str, hint: &str| Err(Failure::with_hint(StatusCode::UNPROCESSABLE_ENTITY, error, hint));
    let keys: Vec<String> = order.keys.iter().map(|key| key.trim().to_string()).collect();
    if keys.iter().any(|key| !is_public_key(key)) {
        return refuse("that is no public key of SSH", "name the file that ends in .pub");
    }
    let of_profile = app.profile(row).map_or(0, |profile| profile.authorized_keys.len());
    if keys.is_empty() && of_profile == 0 {
        return refuse("nobody could log in: its profile names no key", "give yours with --key FILE.pub");
    }
    Ok(keys)
}

/// One line of an authorized_keys file, without options: `ssh-ed25519 AAAA… comment`.
fn is_public_key(line: &str) -> bool {
    let mut words = line.split(' ');
    let kind = words.next().is_some_and(|kind| {
        kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-")
    });
    let body = words.next().is_some_and(|body| body.starts_with("AAAA"));
    kind && body && !line.contains(['\n', '\r'])
}

/// The query of all verbs allows it as well as the wish itself.
fn wish(erase_foreign: bool, order: Order) -> WipeWish {
    WipeWish { erase_foreign: erase_foreign || order.wipe.erase_foreign, ..order.wipe }
}

/// What a person's yes is to.
pub struct Yes {
    /// The digest of what they were shown.
    pub shown: String,
    /// They have not looked, and say so.
    pub unseen: bool,
}

impl Yes {
    /// Refuses what is not as it was shown, and a yes to nothing.
    pub fn is_to(&self, now: &Erased<'_>) -> Result<(), Failure> {
        if self.shown.is_empty() && self.unseen {
            return Ok(());
        }
        if self.shown.is_empty() {
            let hint =
                "send the `digest` of the preview as `shown`; `?unseen=true` erases whatever is there now";
            let error = "this erases disks, and nobody has looked at what is on them";
            return Err(Failure::with_hint(StatusCode::PRECONDITION_REQUIRED, error, hint));
        }
        let Some(changes) = changed(&self.shown, now) else { return Ok(()) };
        let error = format!("this is not what was shown: {changes}");
        Err(Failure::with_hint(StatusCode::CONFLICT, error, "nothing was done: look again, and say it again"))
    }
}

/// The event with the disks that it means now.
pub async fn with_disks(
    app: &App,
    (row, life): (&Row, &Life),
    event: Event,
    yes: &Yes,
) -> Result<Event, Failure> {
    Ok(match event {
        Event::Wipe { wish } => Event::Wipe { wish: disks(app, (row, life), wish, yes).await? },
        Event::Retire { wish } => Event::Retire { wish: disks(app, (row, life), wish, yes).await? },
        other => other,
    })
}

/// What was shown is what is meant: disks that changed in between are shown again.
async fn disks(
    app: &App,
    (row, life): (&Row, &Life),
    mut wish: WipeWish,
    yes: &Yes,
) -> Result<WipeWish, Failure> {
    // Its row alone is history; and what is being erased already is not chosen again.
    if wish.scope == WipeScope::None
        || matches!(life.state, LifeState::Discovered | LifeState::Retired | LifeState::Wiping)
    {
        wish.disks.clear();
        return Ok(wish);
    }
    let preview = preview_of(app, row, &wish).await?;
    // What erases nothing needs no look.
    if !(preview.erased.is_empty() && yes.shown.is_empty()) {
        yes.is_to(&Erased { machine: &preview.machine, what: WIPE, disks: &preview.erased })?;
    }
    let erased: Vec<DiskName> = preview.erased.iter().map(DiskName::of).collect();
    if wish.disks.is_empty() {
        wish.disks = erased;
    } else if let Some(gone) = wish.disks.iter().find(|shown| !erased.iter().any(|disk| disk.is(shown))) {
        let error = format!("the disk {gone} is no longer among those that would be erased");
        return Err(Failure::with_hint(StatusCode::CONFLICT, error, "look at them again"));
    }
    Ok(wish)
}

async fn preview_of(app: &App, row: &Row, wish: &WipeWish) -> Result<WipePreview, Failure> {
    app.wipe_preview(row, wish).await?.ok_or_else(|| {
        let hint = format!(
            "`metalctl machine inspect {0}` reads it, `retire {0} --keep-disks` erases nothing",
            row.name()
        );
        Failure::with_hint(
            StatusCode::CONFLICT,
            "its disks are not known: nobody has seen what would be erased",
            hint,
        )
    })
}

/// What a wipe would erase, and what it would leave.
pub async fn preview(
    State(app): State<App>,
    _: Operator,
    Path(reference): Path<String>,
    Query(WipeQuery { scope, erase_foreign }): Query<WipeQuery>,
) -> Result<Json<WipePreview>, Failure> {
    let row = app.store.machine_find(&reference).await?;
    let wish = WipeWish { scope, erase_foreign, ..WipeWish::default() };
    Ok(Json(preview_of(&app, &row, &wish).await?))
}

/// What is still known of machines that were deleted.
pub async fn tombstones(State(app): State<App>, _: Operator) -> Result<Json<Vec<Tombstone>>, Failure> {
    Ok(Json(app.store.tombstones().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_without_options() {
        for key in [
            "ssh-ed25519 AAAAC3Nz ann@desk",
            "ecdsa-sha2-nistp256 AAAAE2Vj",
            "sk-ssh-ed25519@openssh.com AAAA x",
        ] {
            assert!(is_public_key(key), "{key}");
        }
        let others = [
            "",
            "ssh-ed25519",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "command=\"sh\" ssh-ed25519 AAAA",
            "ssh-ed25519 AAAA ann\nssh-rsa AAAA eve",
        ];
        for other in others {
            assert!(!is_public_key(other), "{other}");
        }
    }
}
