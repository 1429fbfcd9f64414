//! What a verb means to a machine as things stand: which event it is, what the lifecycle makes of that, and which disks
//! go. Asked before a person says yes, and again before it is done.

use std::collections::BTreeSet;

use api::event::Event;
use api::id::Mac;
use api::label::{LabelChange, is_key, label};
use api::state::{Life, State};
use api::user::Role;
use api::wipe::{WipePreview, WipeScope, WipeWish};
use axum::http::StatusCode;
use web::{Answers, Offer, Subject, Verb, apart};

use crate::app::App;
use crate::freeze::Authorisation;
use crate::http::error::Failure;
use crate::http::operator::power;
use crate::lifecycle::next::{Step, next};
use crate::lifecycle::want::hands_off;
use crate::store::machine::Row;

/// Of one machine.
pub async fn subject(app: &App, row: &Row, verb: Verb, answers: &Answers) -> Result<Subject, Failure> {
    let (machine, life) = (app.view(&row.id()).await?, row.life()?);
    let mut subject = Subject {
        refusal: refusal(app, row, verb, &life).await?,
        fate: fate(verb, &life),
        erased: Vec::new(),
        left: Vec::new(),
        shown: String::new(),
        machine,
    };
    if let (true, Some(power)) = (verb.is_power(), &subject.machine.power) {
        subject.fate.push(format!("Its power was last read as `{}`.", power.power));
    }
    if subject.refusal.is_none() {
        disks(app, row, (verb, &life), answers, &mut subject).await?;
    }
    Ok(subject)
}

/// All verbs but those of power, with why each cannot be asked for.
pub async fn offers(app: &App, row: &Row, role: Role) -> Result<Vec<Offer>, Failure> {
    let life = row.life()?;
    let mut offers = Vec::new();
    for verb in Verb::ALL.into_iter().filter(|verb| !verb.is_power()) {
        let refusal = match role < verb.role() {
            true => Some(format!("needs the role {}; yours is {role}", verb.role())),
            false => refusal(app, row, verb, &life).await?,
        };
        offers.push(Offer { verb, refusal });
    }
    Ok(offers)
}

async fn refusal(app: &App, row: &Row, verb: Verb, life: &Life) -> Result<Option<String>, Failure> {
    let quarantine = app.store.quarantine_of(&row.id()).await?;
    Ok(match (verb, quarantine) {
        (Verb::Release, Some(quarantine)) => {
            Some(format!("it is quarantined: {}; `merge` or `split` it, then it goes on", quarantine.why))
        }
        (Verb::Rename, _) => app.store.node(&row.id()).await?.map(|node| {
            format!("it is the node {} of the cluster {}, and a node's name stays", node.name, node.cluster)
        }),
        (Verb::Split, None) if app.store.macs_of(&row.id()).await?.len() < 2 => {
            Some("it has one port only".into())
        }
        (Verb::Power(_), _) if hands_off(life) => Some("it is on hold: hands may be in its chassis".into()),
        (Verb::Power(_), _) => match app.store.bmc(&row.id()).await? {
            Some(_) => None,
            None => Some(power::without(row).describe().1),
        },
        (verb, _) => refused(verb, life).map(String::from),
    })
}

/// Why the lifecycle does nothing about it.
fn refused(verb: Verb, life: &Life) -> Option<&'static str> {
    match (verb, event(verb, life).map(|event| next(life, &event))?) {
        (_, Step::Refuse(why)) => Some(why),
        (Verb::Hold, _) if life.hold => Some("it is on hold already"),
        (Verb::Release, _) if !life.hold => Some("it is not on hold"),
        (Verb::Retire, Step::Stay) if life.state == State::Retired => Some("it is retired already"),
        (Verb::Inspect, Step::Stay) if life.state == State::Inspecting => Some("it is being inspected"),
        _ => None,
    }
}

/// What the lifecycle is asked; without the particulars, which change no transition. None for what is no event.
fn event(verb: Verb, life: &Life) -> Option<Event> {
    let wish = WipeWish::default();
    Some(match verb {
        Verb::Approve if !life.enrolled => Event::Enroll,
        Verb::Approve => Event::Approved { erase_foreign: false },
        Verb::Retry => Event::Retry,
        Verb::Reprovision => Event::Reprovision { erase_foreign: false },
        Verb::Hold => Event::Hold,
        Verb::Release => Event::Release,
        Verb::Inspect => Event::Inspect,
        Verb::Rescue => Event::Rescue { keys: Vec::new() },
        Verb::Leave => Event::Leave,
        Verb::Assign => Event::Assign { profile: String::new(), clustered: life.clustered },
        Verb::Wipe => Event::Wipe { wish },
        Verb::Retire => Event::Retire { wish },
        Verb::Delete => Event::Delete,
        Verb::Label | Verb::Rename | Verb::Merge | Verb::Split | Verb::Power(_) => return None,
    })
}

/// What becomes of it, in sentences.
fn fate(verb: Verb, life: &Life) -> Vec<String> {
    let Some(event) = event(verb, life) else { return Vec::new() };
    let mut fate = vec![match next(life, &event) {
        Step::Go(State::Draining) => {
            format!(
                "It is `{}`. Its node leaves the cluster first: cordoned, its pods evicted, then out of it.",
                life.state
            )
        }
        Step::Go(state) => format!("It is `{}` and becomes `{state}`.", life.state),
        Step::Gone => format!(
            "It is `{}`; its row and history go, and a tombstone stays. No disk is touched.",
            life.state
        ),
        Step::Stay => format!("It is `{}` and stays so.", life.state),
        Step::Refuse(_) => return Vec::new(),
    }];
    match verb {
        Verb::Approve if !life.enrolled => {
            fate.push("It is let in: the agent boots into RAM and reads its hardware.".into())
        }
        Verb::Approve if life.hold || life.maintenance => {
            fate.push("It is on hold: the install begins with its release.".into())
        }
        Verb::Inspect | Verb::Rescue => fate.push("It reboots into RAM. No disk is written.".into()),
        _ => {}
    }
    fate
}

/// What goes, or why nothing would.
async fn disks(
    app: &App,
    row: &Row,
    (verb, life): (Verb, &Life),
    answers: &Answers,
    subject: &mut Subject,
) -> Result<(), Failure> {
    let installs = match verb {
        Verb::Approve => life.enrolled && life.state == State::Available && row.profile.is_some(),
        Verb::Reprovision => row.profile.is_some(),
        _ => false,
    };
    if installs {
        let by = if answers.erase_foreign { Authorisation::EraseForeign } else { Authorisation::Person };
        let erasure = app.erasure(row, by).await?;
        (subject.refusal, subject.erased, subject.shown) = (erasure.refusal, erasure.disks, erasure.digest);
        if let Some(profile) = erasure.profile.filter(|_| subject.refusal.is_none()) {
            subject.fate.push(format!("`{profile}` is installed."));
        }
        return Ok(());
    }
    let nothing = matches!(life.state, State::Discovered | State::Retired | State::Wiping);
    let wish = wish(answers);
    if !verb.is_wipe() || wish.scope == WipeScope::None || nothing {
        return Ok(());
    }
    match app.wipe_preview(row, &wish).await? {
        Some(WipePreview { erased, left, digest, .. }) => {
            (subject.erased, subject.left, subject.shown) = (erased, left, digest);
        }
        None => {
            subject.refusal = Some(
                "its disks are not known: nobody has seen what would be erased. `inspect` reads it; `retire` with \
                 “Erase nothing” erases nothing"
                    .into(),
            );
        }
    }
    if subject.refusal.is_none() && subject.erased.is_empty() {
        subject.fate.push("No disk is erased.".into());
    }
    Ok(())
}

/// Which disks a person means by what they ticked; which those are is found out from it.
pub fn wish(answers: &Answers) -> WipeWish {
    let scope = match (answers.keep_disks, answers.all_disks) {
        (true, _) => WipeScope::None,
        (false, true) => WipeScope::All,
        (false, false) => WipeScope::Ours,
    };
    let Answers { full, skip_failed, erase_foreign, .. } = *answers;
    WipeWish { scope, full, skip_failed, erase_foreign, disks: Vec::new() }
}

/// The labels that are given and taken.
pub fn labels(answers: &Answers) -> Result<LabelChange, Failure> {
    let unfit = |error: String| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, error);
    let mut change = LabelChange::default();
    for text in apart(&answers.set) {
        let (key, value) = label(text).map_err(|error| unfit(error.to_string()))?;
        change.set.insert(key, value);
    }
    for key in apart(&answers.remove) {
        if !is_key(key) {
            return Err(unfit(format!("`{key}` is no key of a label")));
        }
        change.remove.push(key.into());
    }
    match change.set.is_empty() && change.remove.is_empty() {
        true => Err(unfit("no label is named: nothing was done".into())),
        false => Ok(change),
    }
}

/// A machine's ports, and whether each is ticked: by the person, else because it is in question.
pub async fn ports(app: &App, row: &Row, answers: &Answers) -> Result<Vec<(Mac, bool)>, Failure> {
    let doubt = app.store.quarantine_of(&row.id()).await?;
    let ticked: BTreeSet<String> = match answers.macs.is_empty() {
        true => doubt.iter().flat_map(|doubt| &doubt.interfaces).map(Mac::to_string).collect(),
        false => answers.macs.iter().cloned().collect(),
    };
    let macs = app.store.macs_of(&row.id()).await?;
    Ok(macs.into_iter().map(|mac| (mac, ticked.contains(&mac.to_string()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(state: State) -> Life {
        Life { state, enrolled: true, assigned: true, generation: 1, installed: 1, ..Life::new(true) }
    }

    #[test]
    fn a_verb_is_refused_where_the_lifecycle_refuses_it() {
        assert_eq!(refused(Verb::Retry, &life(State::Active)), Some("nothing of it has failed"));
        assert_eq!(refused(Verb::Release, &life(State::Active)), Some("it is not on hold"));
        let held = Life { hold: true, ..life(State::Active) };
        assert_eq!(refused(Verb::Hold, &held), Some("it is on hold already"));
        assert_eq!(refused(Verb::Release, &held), None);
        assert_eq!(refused(Verb::Wipe, &held), Some("it is on hold: release it first"));
        assert_eq!(refused(Verb::Wipe, &life(State::Active)), None);
        assert_eq!(refused(Verb::Label, &held), None);
    }

    #[test]
    fn a_fate_names_the_state_that_follows() {
        let node = Life { clustered: true, ..life(State::Active) };
        assert!(fate(Verb::Reprovision, &node)[0].contains("leaves the cluster first"));
        assert_eq!(fate(Verb::Wipe, &life(State::Active)), ["It is `active` and becomes `wiping`."]);
        assert!(fate(Verb::Delete, &life(State::Active))[0].contains("tombstone"));
        assert!(fate(Verb::Retry, &life(State::Active)).is_empty());
        let recorded = Life { enrolled: false, ..life(State::Discovered) };
        assert!(fate(Verb::Approve, &recorded)[1].contains("let in"));
    }

    #[test]
    fn labels_are_read_as_typed() {
        let answers = |set: &str, remove: &str| Answers {
            set: set.into(),
            remove: remove.into(),
            ..Answers::default()
        };
        let change = labels(&answers("zone=a, gpu", "tier")).unwrap();
        assert_eq!((change.set.len(), change.remove.as_slice()), (2, &["tier".to_string()][..]));
        for (set, remove) in [("", ""), ("a=b=c", ""), ("", "=x")] {
            assert!(labels(&answers(set, remove)).is_err(), "{set} {remove}");
        }
    }
}
