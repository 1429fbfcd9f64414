//! A person logs in, and what happens to machines appears without a reload.

use anyhow::{Result, ensure};
use api::agent::{LogLine, LogSource};
use api::event::Event;
use tests::chromium::Browser;
use tests::desk::Desk;

use crate::steps::{fits_a_phone, loaded_once, log_in, no_complaints, watched};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rack_is_watched_and_steered_without_a_reload() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let browser = Browser::open()?;
    browser.goto(&desk.url("/"))?;
    browser.shows("h1", "Log in")?;
    browser.types("#token", "wrong")?;
    browser.press("Log in")?;
    browser.shows("[role=alert]", "No operator has that token")?;
    log_in(&desk, &browser)?;

    let row = format!("#machine-{node07}");
    browser.shows(&row, "discovered")?;
    watched(&browser)?;
    desk.hello(&node07).await?;
    browser.shows(&row, "inspecting")?;
    desk.inspected(&node07).await?;
    browser.shows(&row, "available")?;
    browser.shows(&row, "approval")?;
    desk.born("node08", 8).await?;
    browser.shows(".machines tbody tr:first-child", "node08")?;
    browser.shows("[data-count=wait]", "2 waiting")?;
    loaded_once(&browser)?;

    browser.press("node07")?;
    browser.shows("#facts", "Samsung SSD 870")?;
    watched(&browser)?;
    let said =
        LogLine { at: server::clock::now(), source: LogSource::Agent, text: "a line with a <b>".into() };
    desk.store.log_add(&node07, vec![said]).await?;
    browser.shows("#logs", "a line with a <b>")?;
    desk.happens(&node07, Event::Hold).await?;
    browser.shows("#status .state", "available, held")?;
    browser.shows("#history", "hold")?;
    loaded_once(&browser)?;

    browser.press("release")?;
    browser.shows("#history", "release")?;
    approve(&browser)?;
    fits_a_phone(&browser)?;
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_ready_shows_by_itself() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    browser.shows("#cluster-prod", "0 of 0 Ready")?;
    watched(&browser)?;
    desk.joined(&node07, "node07", true, "").await?;
    browser.shows("#cluster-prod", "1 of 1 Ready")?;
    let row = format!("#machine-{node07}");
    browser.shows(&row, "Ready")?;
    desk.joined(&node07, "node07", false, "container runtime is down").await?;
    browser.shows(&row, "NotReady")?;
    loaded_once(&browser)?;

    browser.press("prod")?;
    browser.shows("#nodes", "container runtime is down")?;
    watched(&browser)?;
    desk.joined(&node07, "node07", true, "").await?;
    browser.shows("#status", "1 of 1 nodes Ready")?;
    loaded_once(&browser)?;
    fits_a_phone(&browser)?;
    browser.press("node07")?;
    browser.shows("#node", "v1.36.3")?;
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_logged_out_sees_and_does_nothing() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    watched(&browser)?;
    let log_out = "const form = document.querySelector('form.visitor'); const csrf = new FormData(form).get('csrf'); \
                   return fetch('/logout', {method: 'POST', redirect: 'manual', body: new URLSearchParams({csrf})}).then(() => true)";
    browser.holds(log_out)?;
    browser.goto(&desk.url("/machines/node07"))?;
    browser.shows("h1", "Log in")?;
    let forged = "return fetch('/machines/node07/hold', {method: 'POST', body: new URLSearchParams({csrf: 'x'})}).then(a => a.url.endsWith('/login'))";
    browser.holds(forged)?;
    log_in(&desk, &browser)?;
    let forged = "return fetch('/machines/node07/hold', {method: 'POST', body: new URLSearchParams({csrf: 'x'})}).then(a => a.status === 403)";
    browser.holds(forged)?;
    ensure!(!desk.store.machine(&node07).await?.hold, "a forged form was obeyed");
    Ok(())
}

/// The disks are shown, a wrong name changes nothing, the right one does it.
fn approve(browser: &Browser) -> Result<()> {
    browser.press("approve…")?;
    browser.shows(".things", "S5Y1NX0R")?;
    browser.types("#typed", "node70")?;
    browser.press("approve")?;
    browser.shows("[role=alert]", "nothing was done")?;
    browser.types("#typed", "node07")?;
    browser.press("approve")?;
    browser.shows("#status .state", "partitioning")?;
    browser.shows("#history", "operator")
}
