//! What a person does on the way to what a test is about.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::chromium::Browser;
use tests::desk::Desk;

/// The page has fetched itself once, as it does when its stream opens: what comes now comes by the stream.
const SETTLED: &str =
    "return performance.getEntriesByType('resource').some(e => e.initiatorType === 'fetch')";

pub fn log_in(desk: &Desk, browser: &Browser) -> Result<()> {
    log_in_with(desk, browser, desk.token())
}

pub fn log_in_with(desk: &Desk, browser: &Browser, token: &str) -> Result<()> {
    browser.goto(&desk.url("/login"))?;
    browser.types("#token", token)?;
    browser.press("Log in")?;
    browser.shows("h1", "Machines")
}

/// The page's stream is open; a mark is left that a reload would wipe out.
pub fn watched(browser: &Browser) -> Result<()> {
    browser.shows("#connection", "live")?;
    browser.holds(SETTLED)?;
    browser.run("window.mark = true", json!([])).map(drop)
}

pub fn loaded_once(browser: &Browser) -> Result<()> {
    let marked = browser.run("return window.mark === true", json!([]))?;
    ensure!(marked == json!(true), "the page was loaded again instead of changed");
    Ok(())
}

pub fn fits_a_phone(browser: &Browser) -> Result<()> {
    browser.narrow(390)?;
    let excess = browser.run("return document.documentElement.scrollWidth - 390", json!([]))?;
    ensure!(
        excess.as_i64().is_some_and(|excess| excess <= 0),
        "the page is {excess} px wider than its screen; too wide: {}",
        browser.run(
            "return [...document.querySelectorAll('main *, header *')].filter(e => !e.closest('.scroll, .log') && \
             e.getBoundingClientRect().right > 391).map(e => e.outerHTML.slice(0, 90)).slice(0, 4).join('\\n')",
            json!([])
        )?
    );
    Ok(())
}

pub fn no_complaints(browser: &Browser) -> Result<()> {
    let complaints = browser.complaints()?;
    ensure!(complaints.is_empty(), "the browser complains: {complaints:?}");
    Ok(())
}

/// Waits until the list shows these machines and no others, in this order.
pub fn lists(browser: &Browser, names: &[&str]) -> Result<()> {
    let shown = "return [...document.querySelectorAll('.machines tbody th')].map(e => e.innerText).join(' ')";
    browser.holds(&format!("{shown} === '{}'", names.join(" ")))
}

/// Answers the script's text.
pub fn text(browser: &Browser, script: &str) -> Result<String> {
    match browser.run(script, json!([]))? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

/// For a person to look at, where one asks for it.
pub fn picture(browser: &Browser, name: &str) -> Result<()> {
    let Some(folder) = std::env::var_os("METAL_PICTURES") else { return Ok(()) };
    std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), browser.picture()?)?;
    Ok(())
}
