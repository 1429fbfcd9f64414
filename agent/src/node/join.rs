//! Makes this machine a node. The server or the agent may die at any instruction: the task comes again, and goes on
//! where kubeadm had succeeded, or starts from nothing.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use api::client::Error;
use api::cluster::{JoinOrder, JoinSecrets};
use api::routes::agent::JOIN;

use super::files::SecretFile;
use super::standing::{self, Standing};
use super::{blocking, checks, clean, documents, files, found, init, kubeadm, node_report, prepare, settle};
use crate::command;
use crate::log::Log;
use crate::report::{Report, Unwanted};
use crate::session::Session;
use crate::{boot_server, clock};

const ATTEMPTS: u32 = 3;

/// Before the second attempt, and longer before the third.
const PAUSE: Duration = Duration::from_secs(5);

/// Until a control plane's turn has come and the certificates are uploaded.
const SECRETS_PATIENCE: Duration = Duration::from_secs(600);

/// Until the kubelet of a machine that was restarted answers again.
const KUBELET_PATIENCE: Duration = Duration::from_secs(300);

/// A clock that is further off is set: nothing runs here yet that a step could disturb.
const CLOCK_MS: i64 = 2_000;

pub async fn join(session: &Session, order: &JoinOrder, report: &Report) -> Result<()> {
    let log = &session.log;
    log.say(format!(
        "{} joins {} as {}, Kubernetes {}, endpoint {}{}",
        order.node,
        order.cluster,
        order.role,
        order.kubernetes,
        order.endpoint,
        if order.init { ", and initialises it" } else { "" }
    ));
    let standing = Standing::of(order, session.generation);
    if !resume(&standing, order.init, report, log).await? {
        attempts(session, order, report).await?;
        settle().await?;
        standing::write(Path::new("/"), &standing)?;
        blocking(|| command::run("systemctl", ["enable", "--no-reload", "kubelet"]).map(drop)).await?;
    }
    if order.init {
        init::complete(session, order, report).await?;
    }
    node_report::tell(session).await;
    Ok(())
}

/// Whether kubeadm had succeeded for this very order, and what it made runs.
async fn resume(standing: &Standing, init: bool, report: &Report, log: &Log) -> Result<bool> {
    if standing::read(Path::new("/")).as_ref() != Some(standing) {
        return Ok(false);
    }
    log.say("kubeadm had succeeded before; going on from there");
    report.phase("kubelet", 0);
    let reporting = report.clone();
    let runs = blocking(move || {
        command::run("systemctl", ["enable", "--now", "kubelet"])?;
        let until = Instant::now() + KUBELET_PATIENCE;
        while !kubelet_answers() {
            if Instant::now() >= until {
                return Ok(false);
            }
            reporting.still_wanted()?;
            sleep(Duration::from_secs(2));
        }
        Ok(true)
    })
    .await?;
    // What it initialised may be a whole cluster by now, and its etcd the only one.
    ensure!(
        runs || !init,
        "the kubelet does not answer any more on the control plane that made the cluster: see `journalctl -u kubelet`; \
         nothing was taken away"
    );
    if !runs {
        log.say("the kubelet does not answer any more: starting from nothing");
    }
    Ok(runs)
}

fn kubelet_answers() -> bool {
    // Only on the loopback, without a secret; a connection is answer enough, since a kubelet that is not
    // healthy ends itself.
    std::net::TcpStream::connect(("127.0.0.1", 10248)).is_ok()
}

async fn attempts(session: &Session, order: &JoinOrder, report: &Report) -> Result<()> {
    let log = &session.log;
    let mut attempt = 1;
    loop {
        if clean::is_needed() {
            log.say("something of an earlier attempt is left, and is taken away first");
            clean::clean(report, log).await?;
        }
        let Err(error) = attempt_once(session, order, report).await else { return Ok(()) };
        if error.is::<Unwanted>() {
            return Err(error);
        }
        if clean::is_needed()
            && let Err(left) = clean::clean(report, log).await
        {
            log.say(format!("not everything was taken away: {left:#}"));
        }
        let may_pass = error.downcast_ref::<kubeadm::Failed>().is_some_and(|failed| failed.class.may_pass());
        if !may_pass || attempt == ATTEMPTS {
            return Err(if attempt == 1 {
                error
            } else {
                error.context(format!("{attempt} attempts failed"))
            });
        }
        log.say(format!("attempt {attempt} of {ATTEMPTS} failed: {error:#}"));
        report.still_wanted()?;
        attempt += 1;
        report.phase(&format!("pause before attempt {attempt} of {ATTEMPTS}"), 0);
        tokio::time::sleep(PAUSE * attempt).await;
    }
}

async fn attempt_once(session: &Session, order: &JoinOrder, report: &Report) -> Result<()> {
    report.phase("checks", 0);
    check(session, order, report).await?;
    report.phase("services", 0);
    let (files, services) = (order.files.clone(), order.services.clone());
    blocking(move || {
        files::write_all(&files)?;
        services.iter().try_for_each(|service| start(service))
    })
    .await?;
    if order.init {
        let config = SecretFile::write("kubeadm.yaml", &documents::render(&documents::for_init(order)?))?;
        return kubeadm::run(
            &["init", "--config", &config.path(), "--skip-token-print"],
            report,
            &session.log,
        )
        .await;
    }
    report.phase("secrets", 0);
    let secrets = secrets(session, report).await?;
    let config =
        SecretFile::write("kubeadm.yaml", &documents::render(&documents::for_join(order, &secrets)?))?;
    kubeadm::run(&["join", "--config", &config.path()], report, &session.log).await
}

/// Sets right what can be, then judges what is there.
async fn check(session: &Session, order: &JoinOrder, report: &Report) -> Result<()> {
    let clock_error_ms = keep_time(session).await;
    let (order, report, log) = (order.clone(), report.clone(), session.log.clone());
    blocking(move || {
        prepare::prepare(&order, &log);
        let found = found::look(&order, clock_error_ms, &report);
        report.still_wanted()?;
        let hindrances = checks::judge(&found, &order);
        if hindrances.is_empty() {
            let (memory, disk) = (found.memory >> 20, found.disk >> 20);
            log.say(format!("all checks passed: {memory} MiB, {} CPUs, {disk} MiB free", found.cpus));
            return Ok(());
        }
        bail!(checks::sentence(&hindrances))
    })
    .await
}

/// What the clock is off after it was set.
async fn keep_time(session: &Session) -> Option<i64> {
    let error = found::clock_error(&session.server).await?;
    if error.abs() <= CLOCK_MS {
        return Some(error);
    }
    let server = &session.server;
    let contact = boot_server::first_contact(&server.boot, &server.ca_sha256).await.ok()?;
    match clock::set(contact.time) {
        Ok(()) => session.log.say(format!("the clock was off by {error} ms and is set")),
        Err(e) => session.log.say(format!("{e:#}")),
    }
    found::clock_error(&session.server).await
}

/// A unit that was there before has to read its new settings. systemd knows the unit: to read all units again takes
/// a slow machine many seconds.
fn start(service: &str) -> Result<()> {
    command::run("systemctl", ["enable", "--no-reload", service])
        .with_context(|| format!("cannot enable {service}"))?;
    command::run("systemctl", ["restart", service])
        .with_context(|| format!("cannot start {service}: see `journalctl -u {service}`"))?;
    Ok(())
}

/// Given when it is this machine's turn; until then the server says what it waits for.
async fn secrets(session: &Session, report: &Report) -> Result<JoinSecrets> {
    let until = Instant::now() + SECRETS_PATIENCE;
    let mut said = String::new();
    loop {
        let why = match session.client.post::<JoinSecrets>(JOIN, &()).await {
            Ok(Some(secrets)) => return Ok(secrets),
            Ok(None) => "the server answered with nothing".into(),
            Err(Error::Refused { status: 409, message, .. }) => message,
            Err(error @ Error::Refused { status: 400..=499, .. }) => {
                report.still_wanted()?;
                return Err(error).context("the server gives no join token");
            }
            Err(error) => format!("{error:#}"),
        };
        if Instant::now() >= until {
            bail!("no join token within {} s: {why}", SECRETS_PATIENCE.as_secs());
        }
        if why != said {
            session.log.say(format!("waiting for the join token: {why}"));
            report.phase(&format!("waiting: {why}"), 0);
            said = why;
        }
        report.still_wanted()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
