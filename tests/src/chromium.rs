//! A real Chromium, driven by the W3C WebDriver protocol: as much of it as the tests here need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser that starts beside other tests on two cores takes its time.
const PATIENCE: Duration = Duration::from_secs(30);
/// The protocol's name for an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// In a PID namespace of its own, which ends with the test: none of Chromium's processes outlives it.
    pub fn open() -> Result<Browser> {
        let profile = tempfile::tempdir()?;
        let line =
            "--pdeathsig=KILL unshare --pid --fork --kill-child=KILL --mount-proc chromedriver --port=0";
        let mut command = Command::new("setpriv");
        command.args(line.split(' '));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().context("start chromedriver: is chromium-driver installed?")?;
        let port = port_of(&mut driver)?;
        let mut browser = Browser { driver, port, session: String::new(), _profile: profile };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let quiet = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic \
                     --no-first-run --disable-background-networking --disable-component-update --disable-sync";
        let arguments: Vec<&str> = quiet.split_whitespace().chain([folder.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let answer = browser.call("POST", "/session", &wanted)?;
        browser.session = answer["sessionId"].as_str().context("a session")?.into();
        Ok(browser)
    }

    pub fn goto(&self, url: &str) -> Result<()> {
        self.post("/url", json!({ "url": url })).map(drop)
    }

    /// Waits until the element's text has `text` in it.
    pub fn shows(&self, css: &str, text: &str) -> Result<()> {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let found = self.until(
            || Ok(Some(self.run(script, json!([css]))?)),
            |found| found.as_str().is_some_and(|found| found.contains(text)),
        );
        found.map(drop).with_context(|| format!("`{css}` does not show `{text}`"))
    }

    /// Waits until the script answers true.
    pub fn holds(&self, script: &str) -> Result<()> {
        let answer = self.until(|| self.run(script, json!([])).map(Some), |answer| *answer == json!(true));
        answer.map(drop).with_context(|| format!("`{script}` does not hold"))
    }

    pub fn types(&self, css: &str, text: &str) -> Result<()> {
        let element = self.find("css selector", css)?;
        self.post(&format!("/element/{element}/value"), json!({ "text": text })).map(drop)
    }

    /// Presses the button, opens the fold, or follows the link, that reads `label`.
    pub fn press(&self, label: &str) -> Result<()> {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()='{label}']");
        loop {
            let element = self.find("xpath", &path)?;
            match self.post(&format!("/element/{element}/click"), json!({})) {
                // The page put a fresh one in its place in between: a person would press that.
                Err(error) if error.to_string().contains("stale element") => {}
                pressed => return pressed.map(drop),
            }
        }
    }

    pub fn run(&self, script: &str, arguments: Value) -> Result<Value> {
        self.post("/execute/sync", json!({ "script": script, "args": arguments }))
    }

    /// A phone's screen. A window cannot be made that narrow.
    pub fn narrow(&self, width: u32) -> Result<()> {
        let screen = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true});
        self.cdp("Emulation.setDeviceMetricsOverride", screen).map(drop)
    }

    /// Types at the keyboard, wherever the focus is: `Tab`, `Enter`, `Escape`, `Space`, or a character.
    pub fn key(&self, key: &str) -> Result<()> {
        let value = match key {
            "Tab" => "\u{e004}",
            "Enter" => "\u{e007}",
            "Escape" => "\u{e00c}",
            "Space" => " ",
            character => character,
        };
        let strokes = json!([{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]);
        self.post("/actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}))
            .map(drop)
    }

    /// The whole page as a picture: for a person to look at.
    pub fn picture(&self) -> Result<Vec<u8>> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.cdp("Page.captureScreenshot", params)?;
        Ok(base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap_or_default())?)
    }

    /// A command of Chromium's own protocol.
    pub fn cdp(&self, command: &str, params: Value) -> Result<Value> {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": params}))
    }

    /// What the browser complained about: scripts that broke, and what the page's policy forbade. That an
    /// answer was a refusal is no complaint: the page itself says so.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.post("/se/log", json!({"type": "browser"}))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        let messages = severe.map(|entry| entry["message"].to_string());
        Ok(messages.filter(|message| !message.contains("responded with a status of 4")).collect())
    }

    /// An element that was just replaced is gone: look again.
    fn find(&self, using: &str, value: &str) -> Result<String> {
        let found = self.until(
            || Ok(self.post("/element", json!({"using": using, "value": value})).ok()),
            |found| found[ELEMENT].is_string(),
        );
        let found = found.with_context(|| format!("no element `{value}`"))?;
        Ok(found[ELEMENT].as_str().unwrap_or_default().into())
    }

    fn until(
        &self,
        look: impl Fn() -> Result<Option<Value>>,
        right: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = look()?;
            if let Some(found) = found.clone().filter(&right) {
                return Ok(found);
            }
            if Instant::now() > end {
                let page = self.run("return document.body.innerText", json!([]))?;
                bail!("instead it is {found:?}; the page:\n{}", page.as_str().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.call("POST", &format!("/session/{}{path}", self.session), &body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let (port, body) = (self.port, body.to_string());
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(4 * PATIENCE))?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let (status, body) = answer(stream).context("chromedriver's answer")?;
        let mut answer: Value = serde_json::from_slice(&body)?;
        ensure!(status.contains(" 200 "), "{path}: {}", answer["value"]["message"]);
        Ok(answer["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The driver keeps its connections open: the answer ends where its length says.
fn answer(stream: TcpStream) -> Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse()?
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((status, body))
}

fn port_of(driver: &mut Child) -> Result<u16> {
    let output = driver.stdout.take().context("chromedriver's output")?;
    for line in BufReader::new(output).lines() {
        if let Some((_, port)) = line?.split_once("started successfully on port ") {
            return Ok(port.trim_end_matches('.').parse()?);
        }
    }
    bail!("chromedriver ended without a port");
}
