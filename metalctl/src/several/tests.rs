//! Selections of machines, and servers that go away half-way.

use super::*;

#[test]
fn the_gravest_failure_gives_the_code() {
    let failure = |exit| Failure { exit, message: format!("{exit:?}"), hint: None };
    let of = |exits: &[Exit]| as_one(3, exits.iter().map(|exit| failure(*exit)).collect());
    assert!(of(&[]).is_none());
    assert_eq!(of(&[Exit::NotFound]).unwrap().exit, Exit::NotFound);
    assert_eq!(of(&[Exit::TimedOut, Exit::EndedFailed]).unwrap().exit, Exit::EndedFailed);
    assert_eq!(of(&[Exit::EndedFailed, Exit::NotFound]).unwrap().exit, Exit::Refused);
    let worst = of(&[Exit::Refused, Exit::Unreachable]).unwrap();
    assert_eq!(worst.exit, Exit::Unreachable);
    assert_eq!(worst.message, "2 of 3:\nRefused\nUnreachable");
}

fn machine(name: &str) -> Machine {
    let value = serde_json::json!({
        "id": name, "hostname": name, "interfaces": [], "serial": "", "address": null, "profile": null,
        "position": null, "state": "active", "since": 0, "generation": 1, "installed": 1, "failed_in": null,
        "reason": null, "errand": "none", "hold": false, "maintenance": false, "enrolled": true, "wait": null,
        "progress": null, "node": null, "home": "disk", "last_seen": null, "version": 1
    });
    serde_json::from_value(value).unwrap()
}

fn rack(count: usize) -> Vec<Machine> {
    (0..count).map(|number| machine(&format!("node{number:02}"))).collect()
}

fn names(machines: &[Machine]) -> Vec<String> {
    machines.iter().map(Machine::name).collect()
}

#[tokio::test]
async fn one_that_hangs_delays_none_behind_it_and_the_order_stays() {
    let (rack, last) = (rack(16), tokio::sync::Notify::new());
    let verb = async |machine: &Machine| {
        match machine.name().as_str() {
            "node00" => last.notified().await,
            "node15" => last.notify_one(),
            _ => {}
        }
        Ok(machine.clone())
    };
    let all = tokio::time::timeout(std::time::Duration::from_secs(10), run(&rack, verb)).await;
    let (done, failures) = all.expect("the first waits for the last");
    assert_eq!((names(&done), failures.len()), (names(&rack), 0));
}

#[tokio::test]
async fn no_more_than_a_few_are_asked_at_once() {
    let (rack, running, most) = (rack(100), Cell::new(0), Cell::new(0));
    let verb = async |machine: &Machine| {
        running.set(running.get() + 1);
        most.set(most.get().max(running.get()));
        tokio::task::yield_now().await;
        running.set(running.get() - 1);
        Ok(machine.clone())
    };
    assert_eq!(run(&rack, verb).await.0.len(), 100);
    assert_eq!(most.get(), ABREAST);
}

/// They were under way when the first answer came.
#[tokio::test]
async fn a_server_that_goes_away_is_told_of_once() {
    let rack = rack(40);
    let gone = async |machine: &Machine| {
        tokio::task::yield_now().await;
        match machine.name().as_str() {
            "node00" => Ok(machine.clone()),
            _ => Err(Error::Unreachable { url: "https://s".into(), cause: "refused".into(), late: false }),
        }
    };
    let (done, failures) = run(&rack, gone).await;
    assert_eq!(names(&done), ["node00"]);
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure.exit, Exit::Unreachable);
    let (_, counts) = failure.message.split_once("refused; ").expect("how many more");
    let counted: usize = counts.split(' ').filter_map(|word| word.parse::<usize>().ok()).sum();
    assert_eq!(counted, 38, "{counts}");
    assert!(counts.contains("more likewise; ") && counts.ends_with("more were not tried"), "{counts}");
}

#[tokio::test]
async fn what_was_not_tried_is_told() {
    let rack = ["a", "b", "c", "d"].map(machine);
    let gone = async |machine: &Machine| match machine.name().as_str() {
        "a" => Ok(machine.clone()),
        _ => Err(Error::Unreachable { url: "https://s".into(), cause: "refused".into(), late: false }),
    };
    let (done, failures) = run(&rack, &gone).await;
    assert_eq!((done.len(), failures.len()), (1, 1));
    assert_eq!(failures[0].message, "no answer from https://s: refused; 2 more were not tried");
    let (_, failures) = run(&rack[..2], &gone).await;
    assert_eq!(failures[0].message, "no answer from https://s: refused", "it was the last");
}

/// Such as where a BMC takes reads and hangs at each order.
#[tokio::test]
async fn one_whose_answer_is_late_keeps_the_others_from_nothing() {
    let late = async |machine: &Machine| match machine.name().as_str() {
        "node00" => Err(Error::Unreachable { url: "https://s".into(), cause: "too late".into(), late: true }),
        _ => Ok(machine.clone()),
    };
    let rack = rack(40);
    let (done, failures) = run(&rack, late).await;
    assert_eq!((names(&done), failures.len()), (names(&rack[1..]), 1));
    assert_eq!(failures[0].message, "no answer from https://s: too late");
    assert!(failures[0].hint.as_deref().is_some_and(|hint| hint.contains("may be at it still")));
}
