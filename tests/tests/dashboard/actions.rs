//! A person says something of several machines at once: sees what that means for each, says yes, and is told what
//! became of each.

use anyhow::{Context, Result, ensure};
use api::event::Event;
use api::user::{AuditQuery, Role};
use serde_json::json;
use tests::chromium::Browser;
use tests::desk::Desk;

use crate::steps::{fits_a_phone, log_in, log_in_with, no_complaints, picture, text};

fn tick(browser: &Browser, units: &[u32]) -> Result<()> {
    for unit in units {
        let script = format!("document.querySelector('[name=machine][value$=\"{unit:012}\"]').click()");
        browser.run(&script, json!([]))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_machines_are_approved_by_the_disks_that_were_shown() -> Result<()> {
    let desk = Desk::open().await?;
    let (node07, node08) = (desk.born("node07", 7).await?, desk.born("node08", 8).await?);
    desk.born("node09", 9).await?;
    for id in [&node07, &node08] {
        desk.hello(id).await?;
    }
    desk.inspected(&node07).await?;
    desk.inspected_with(&node08, "DISK-OF-08").await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    tick(&browser, &[7, 8, 9])?;
    browser.shows("#ticked", "3 ticked")?;
    browser.press("approve")?;
    browser.shows("h1", "approve 3 machines?")?;
    for (part, text) in [
        ("section[aria-labelledby=meant]", "S5Y1NX0R"),
        ("section[aria-labelledby=meant]", "DISK-OF-08"),
        ("section[aria-labelledby=meant]", "node08"),
        ("section[aria-labelledby=refused]", "node09"),
        ("section[aria-labelledby=refused]", "not known yet"),
    ] {
        browser.shows(part, text)?;
    }
    picture(&browser, "approve")?;
    fits_a_phone(&browser)?;
    picture(&browser, "approve-phone")?;
    browser.types("#typed", "3")?;
    browser.press("approve")?;
    browser.shows("[role=alert]", "3 is not 2: nothing was done")?;

    // Somebody swaps a disk while the question is on the screen: the yes was to another one.
    desk.inspected_with(&node08, "ANOTHER-DISK").await?;
    browser.types("#typed", "2")?;
    browser.press("approve")?;
    browser.shows("[role=alert]", "of node08 other disks would be erased")?;
    ensure!(desk.store.machine(&node07).await?.state == "available", "something was done");
    browser.shows("section[aria-labelledby=meant]", "ANOTHER-DISK")?;
    browser.types("#typed", "2")?;
    browser.press("approve")?;
    browser.shows("h1", "approve: 2 done")?;
    for id in [&node07, &node08] {
        ensure!(desk.store.machine(id).await?.state == "partitioning");
        let query = AuditQuery { subject: Some(id.0.clone()), ..AuditQuery::default() };
        let entries = desk.store.audit(&query).await?;
        let entry = entries.first().context("no entry in the audit log")?;
        ensure!((entry.who.as_str(), entry.status) == ("operator", Some(200)), "{entry:?}");
        ensure!(entry.after.as_ref().is_some_and(|after| after["state"] == "partitioning"), "{entry:?}");
    }
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_does_not_keep_the_others_from_it() -> Result<()> {
    let desk = Desk::open().await?;
    let (node07, node08) = (desk.born("node07", 7).await?, desk.born("node08", 8).await?);
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    tick(&browser, &[7, 8])?;
    browser.press("label")?;
    browser.types("#set", "zone=a gpu")?;
    browser.press("label")?;
    browser.shows("h1", "label: 2 done")?;
    browser.press("To the machines")?;
    browser.press("node07")?;
    browser.shows("#about", "zone=a")?;
    browser.goto(&desk.url("/actions/label?all=yes"))?;
    browser.types("#set", "a=b=c")?;
    browser.press("label")?;
    browser.shows("#refused", "a=b=c")?;

    // On hold by the time of the answer: one is done, the other says why not.
    browser.goto(&desk.url("/actions/retire?all=yes"))?;
    browser.types("#typed", "2")?;
    desk.happens(&node08, Event::Hold).await?;
    browser.press("retire")?;
    browser.shows("[role=alert]", "2 is not 1")?;
    browser.shows("section[aria-labelledby=refused]", "on hold: release it first")?;
    browser.types("#typed", "1")?;
    browser.press("retire")?;
    browser.shows("#done", "node07")?;
    ensure!(desk.store.machine(&node07).await?.state == "retired");
    ensure!(desk.store.machine(&node08).await?.state == "discovered");
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machines_page_has_every_verb_with_its_question() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    desk.hello(&node07).await?;
    desk.inspected(&node07).await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    let page = desk.url(&format!("/machines/{node07}"));
    let asks = |verb: &str| browser.goto(&format!("{page}/{verb}"));
    browser.goto(&page)?;
    browser.press("All that can be done")?;
    browser.shows("#more-verbs", "Not now: nothing of it has failed")?;
    picture(&browser, "machine")?;

    asks("rescue")?;
    browser.types("#keys", "no key at all")?;
    browser.press("rescue")?;
    browser.shows("[role=alert]", "no public key")?;
    ensure!(text(&browser, "return document.getElementById('keys').value")? == "no key at all");
    asks("rename")?;
    browser.types("#hostname", "db01")?;
    browser.press("rename")?;
    browser.shows("h1", "db01")?;
    asks("assign")?;
    browser.run("document.getElementById('profile').value = 'spare'", json!([]))?;
    browser.press("assign")?;
    browser.shows("#about", "spare")?;

    // Nothing of ours is on its disks: only with another answer one goes, and that is shown first.
    let wipe = desk.url(&format!("/machines/{node07}/wipe"));
    browser.goto(&wipe)?;
    browser.shows("section[aria-labelledby=meant]", "No disk is erased")?;
    browser.run("document.getElementById('all_disks').click()", json!([]))?;
    browser.types("#typed", "db01")?;
    browser.press("wipe")?;
    browser.shows("[role=alert]", "other disks would be erased than you were shown")?;
    browser.shows("section[aria-labelledby=meant]", "S5Y1NX0R")?;
    ensure!(desk.store.machine(&node07).await?.state == "available");
    browser.types("#typed", "db01")?;
    browser.press("wipe")?;
    browser.shows("#status .state", "wiping")?;
    browser.shows("#wipe", "S5Y1NX0R")?;
    browser.press("hold")?;
    browser.shows("#status .state", "held")?;
    browser.press("release")?;
    browser.holds("return !document.querySelector('#status .state').textContent.includes('held')")?;
    browser.goto(&desk.url(&format!("/machines/{node07}/delete")))?;
    browser.types("#typed", "db01")?;
    browser.press("delete")?;
    browser.shows("h1", "Machines")?;
    browser.goto(&desk.url("/tombstones"))?;
    browser.shows("table", "db01")?;
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_told_what_it_may_not_and_held_to_it() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let browser = Browser::open()?;
    let viewer = desk.token_of(Role::Viewer).await?;
    log_in_with(&desk, &browser, &viewer)?;
    let bulk = "return document.querySelector('.bulk, .pick, [href=\"/audit\"]') === null";
    browser.holds(bulk)?;
    browser.goto(&desk.url("/machines/node07"))?;
    browser.shows("#status", "All that can be done")?;
    browser.press("All that can be done")?;
    browser.shows("#more-verbs", "needs the role operator; yours is viewer")?;
    browser.holds("return document.querySelectorAll('#status form, #status a.button').length === 0")?;
    let forged = "const csrf = document.querySelector('[name=csrf]').value; const body = new URLSearchParams({csrf}); \
                  return Promise.all(['/machines/node07/hold', '/actions/hold', '/leases/reserve'].map(path => \
                  fetch(path, {method: 'POST', body}).then(a => a.status))).then(all => all.every(s => s === 403))";
    browser.holds(forged)?;
    browser.goto(&desk.url("/audit"))?;
    browser.shows("h1", "this needs operator")?;

    let operator = desk.token_of(Role::Operator).await?;
    browser.goto(&desk.url("/"))?;
    browser.press("Log out")?;
    log_in_with(&desk, &browser, &operator)?;
    browser.shows("[formaction='/actions/retire']:disabled", "needs the role admin")?;
    browser.goto(&desk.url("/actions/retire?all=yes"))?;
    browser.shows("h1", "this needs admin")?;
    browser.goto(&desk.url("/machines/node07/reprovision"))?;
    browser.shows("fieldset", "needs the role admin")?;
    ensure!(!desk.store.machine(&node07).await?.hold, "a viewer held a machine");
    no_complaints(&browser)
}
