//! Before a verb is carried out: each machine by its name, what happens to it, which disks go with all that is on them,
//! and a person's yes.

use api::facts::Disk;
use api::id::Mac;
use api::machine::Machine;
use api::user::Role;
use api::wipe::LeftDisk;
use askama::Template;

use crate::answers::Answers;
use crate::frame::{Frame, Visitor};
use crate::tone::tone;
use crate::verb::Verb;

/// A machine, and what the verb means to it as things stand.
#[derive(Clone, Debug)]
pub struct Subject {
    pub machine: Machine,
    /// Why nothing would be done to it.
    pub refusal: Option<String>,
    /// What becomes of it, a sentence each.
    pub fate: Vec<String>,
    pub erased: Vec<Disk>,
    pub left: Vec<LeftDisk>,
    /// A digest of what would be erased: the yes is to these disks.
    pub shown: String,
}

/// All that the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub verb: Verb,
    pub subjects: &'a [Subject],
    /// Asked from a machine's own page.
    pub alone: bool,
    pub answers: &'a Answers,
    /// To choose from.
    pub profiles: &'a [String],
    /// Ports of the one machine, those in question first.
    pub macs: &'a [(Mac, bool)],
    /// Why the last answer did not work.
    pub message: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "question.html")]
struct QuestionPage<'a> {
    frame: Frame<'a>,
    question: Question<'a>,
    verb: Verb,
    answers: &'a Answers,
    meant: Vec<(Named<'a>, &'a Subject)>,
    refused: Vec<(Named<'a>, &'a str)>,
    action: String,
    back: String,
    what: String,
    /// What has to be typed, where something has.
    typed: Option<String>,
    admin: bool,
}

/// A machine as people call it, and how it is.
struct Named<'a> {
    machine: &'a Machine,
    name: String,
    state: String,
    tone: &'static str,
}

/// What became of one of several machines.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub machine: Machine,
    /// The machine afterwards, or why nothing was done and what helps.
    pub done: Result<(), (String, Option<String>)>,
}

#[derive(Template)]
#[template(path = "outcome.html")]
struct OutcomePage<'a> {
    frame: Frame<'a>,
    verb: Verb,
    refused: Vec<(Named<'a>, &'a str, Option<&'a str>)>,
    done: Vec<Named<'a>>,
}

pub fn question_page(question: Question<'_>, visitor: &Visitor, now: i64) -> askama::Result<String> {
    let (mut meant, mut refused) = (Vec::new(), Vec::new());
    for subject in question.subjects {
        match &subject.refusal {
            None => meant.push((named(&subject.machine), subject)),
            Some(why) => refused.push((named(&subject.machine), why.as_str())),
        }
    }
    let verb = question.verb;
    let first = question.subjects.first().map(|subject| &subject.machine);
    let (action, back, what) = match (question.alone, first) {
        (true, Some(machine)) => {
            let page = format!("/machines/{}", machine.id);
            (format!("{page}/{}", verb.as_str()), page, machine.name())
        }
        _ => (format!("/actions/{}", verb.as_str()), "/".into(), machines(meant.len() + refused.len())),
    };
    let typed = match (verb.is_final(), question.alone, first) {
        (true, true, Some(machine)) => Some(machine.name()),
        (true, ..) => Some(meant.len().to_string()),
        (false, ..) => None,
    };
    QuestionPage {
        frame: Frame::still(Some(visitor), now),
        question,
        verb,
        answers: question.answers,
        meant,
        refused,
        action,
        back,
        what,
        typed,
        admin: visitor.role == Role::Admin,
    }
    .render()
}

pub fn outcome_page(verb: Verb, outcomes: &[Outcome], visitor: &Visitor, now: i64) -> askama::Result<String> {
    let (mut refused, mut done) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match &outcome.done {
            Ok(()) => done.push(named(&outcome.machine)),
            Err((error, hint)) => refused.push((named(&outcome.machine), error.as_str(), hint.as_deref())),
        }
    }
    OutcomePage { frame: Frame::still(Some(visitor), now), verb, refused, done }.render()
}

fn named(machine: &Machine) -> Named<'_> {
    Named { machine, name: machine.name(), state: api::words::state(machine), tone: tone(machine) }
}

fn machines(count: usize) -> String {
    if count == 1 { "1 machine".into() } else { format!("{count} machines") }
}
