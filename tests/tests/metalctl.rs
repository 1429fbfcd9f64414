//! `metalctl` as an operator types it, against a server: what goes to which stream, and the exit codes.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::cluster::Node;
use api::event::Event;
use api::machine::{Machine, MachineDetail};
use api::state::{Home, State};
use server::store::Claim;
use tests::desk::Desk;
use tests::operator::{Said, command, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verbs_exit_codes_and_streams() -> Result<()> {
    let desk = Desk::open().await?;
    let none = run(&desk, "machine list")?;
    ensure!(none.code == 0 && none.out.is_empty() && none.err.starts_with("No machines yet"), "{none:?}");

    let node07 = desk.born("node07", 7).await?;
    desk.born("node08", 8).await?;
    let list = run(&desk, "machine list")?;
    ensure!(list.code == 0 && list.err.is_empty(), "{list:?}");
    ensure!(list.out.lines().next().is_some_and(|head| head.starts_with("NAME ")), "{list:?}");
    ensure!(list.out.lines().nth(1).is_some_and(|line| line.starts_with("node07 ")), "{list:?}");
    ensure!(!list.out.contains('\x1b'), "colour without a terminal: {list:?}");
    let listed: Vec<Machine> = serde_json::from_str(&run(&desk, "machine list --json")?.out)?;
    ensure!(listed.len() == 2);
    let shown: MachineDetail = serde_json::from_str(&run(&desk, "machine show node07 --json")?.out)?;
    ensure!(shown.machine.id == node07);
    ensure!(run(&desk, "machine show 52:54:00:a1:00:07")?.out.starts_with("node07  discovered"));

    let missing = run(&desk, "machine show node70")?;
    ensure!(missing.code == 4 && missing.out.is_empty(), "{missing:?}");
    ensure!(missing.err.contains("error: ") && missing.err.contains("\n\nhint: "), "{missing:?}");
    ensure!(run(&desk, "machine shew node07")?.code == 2);
    let refused = run(&desk, "machine retry node07")?;
    ensure!(refused.code == 1 && refused.err.contains("nothing of it has failed"), "{refused:?}");
    ensure!(run(&desk, "machine hold node07")?.out.starts_with("node07 discovered, held"));
    ensure!(run(&desk, "machine release node07")?.out.starts_with("node07 discovered: waits for"));
    ensure!(run(&desk, "profile list")?.out.contains("worker"));
    ensure!(run(&desk, "image list")?.out.contains("debian-12"));
    let nobody = run(&desk, "machine list --server https://127.0.0.1:1")?;
    ensure!(nobody.code == 3 && nobody.err.contains("is metald running there?"), "{nobody:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_erased_without_a_yes() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    desk.hello(&node07).await?;
    desk.inspected(&node07).await?;
    let asked = run(&desk, "machine approve node07")?;
    ensure!(
        asked.code == 2 && asked.err.contains("S5Y1NX0R") && asked.err.contains("say --yes"),
        "{asked:?}"
    );
    ensure!(desk.store.machine(&node07).await?.state == "available");
    let approved = run(&desk, "machine approve node07 --yes")?;
    ensure!(approved.code == 0 && approved.err.contains("S5Y1NX0R"), "{approved:?}");
    ensure!(approved.out.starts_with("node07 partitioning"), "{approved:?}");
    ensure!(run(&desk, "machine why node07")?.out.contains("\n  waiting for  "));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_ends_with_the_machine() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    desk.hello(&node07).await?;
    desk.inspected(&node07).await?;
    let late = run(&desk, "machine approve node07 --yes --wait --timeout 1s")?;
    ensure!(late.code == 6 && late.err.contains("still partitioning"), "{late:?}");
    let gone = || Event::StepFailed { reason: "the disk is gone".into() };
    desk.happens(&node07, gone()).await?;

    let failing = Waiting::on(&desk, "machine retry node07 --wait", "node07 partitioning")?;
    desk.happens(&node07, gone()).await?;
    let failed = failing.end()?;
    ensure!(failed.code == 5 && failed.err.contains("node07 failed: the disk is gone"), "{failed:?}");

    let arriving = Waiting::on(&desk, "machine retry node07 --wait --json", "node07 partitioning")?;
    desk.happens(&node07, Event::LayoutVerified { generation: 1 }).await?;
    desk.happens(&node07, Event::Installed { generation: 1 }).await?;
    desk.happens(&node07, Event::Hello { home: Home::Disk, boot_id: "own".into(), generation: 1 }).await?;
    let arrived = arriving.end()?;
    ensure!(arrived.code == 0, "{arrived:?}");
    ensure!(serde_json::from_str::<Machine>(&arrived.out)?.state == State::Active, "{arrived:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_says_a_line_a_change() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let mut watch = command(&desk, "machine watch")?.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(watch.stdout.take().context("its output")?).lines();
    let mut next = || lines.next().context("it ended")?.context("its output");
    ensure!(next()?.starts_with("node07 discovered"));
    desk.hello(&node07).await?;
    while !next()?.starts_with("node07 inspecting") {}
    watch.kill()?;
    watch.wait()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_are_seen_and_given_up() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    ensure!(
        run(&desk, "cluster list")?.out.lines().nth(1).is_some_and(|line| line.starts_with("prod  empty"))
    );
    let missing = run(&desk, "cluster show lab")?;
    ensure!(missing.code == 4 && missing.err.contains("`metalctl cluster list`"), "{missing:?}");
    let early = run(&desk, "cluster kubeconfig prod")?;
    ensure!(early.code == 1 && early.out.is_empty() && early.err.contains("prod is empty"), "{early:?}");
    let grant = run(&desk, "cluster adopt prod --print-manifest")?;
    ensure!(grant.code == 0 && grant.out.contains("namespace: metal-system"), "{grant:?}");

    ensure!(desk.store.cluster_claim("prod", &node07, 1, 1).await? == Claim::Init);
    desk.store.cluster_up("prod", &node07, 1, "a CA".into(), "sealed".into(), 2).await?;
    desk.joined(&node07, "node07", true, "").await?;
    let healthy = run(&desk, "cluster health prod")?;
    ensure!(healthy.code == 0 && healthy.out.contains("1 of 1 nodes Ready"), "{healthy:?}");
    desk.joined(&node07, "node07", false, "KubeletNotReady: container runtime is down").await?;
    let ill = run(&desk, "cluster health prod")?;
    ensure!(ill.code == 7 && ill.out.starts_with("node07 is NotReady: KubeletNotReady"), "{ill:?}");
    let nodes: Vec<Node> = serde_json::from_str(&run(&desk, "cluster nodes prod --json")?.out)?;
    ensure!(nodes.len() == 1 && !nodes[0].ready);
    ensure!(run(&desk, "machine list")?.out.contains("NotReady"));
    let scraped = desk.client()?.stream(api::routes::METRICS).await?.text().await?;
    ensure!(
        scraped.contains("metald_node_ready{cluster=\"prod\",machine=\"node07\",role=\"worker\"} 0\n"),
        "{scraped}"
    );

    let asked = run(&desk, "cluster reset prod")?;
    ensure!(asked.code == 2 && asked.err.contains("--yes --name prod"), "{asked:?}");
    ensure!(run(&desk, "cluster reset prod --yes --name lab")?.code == 1);
    let reset = run(&desk, "cluster reset prod --yes --name prod")?;
    ensure!(reset.code == 0 && reset.out.starts_with("prod  empty, 0 of 0"), "{reset:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_run_stops_at_a_failure_and_goes_on() -> Result<()> {
    let desk = Desk::open().await?;
    let (node07, node08) = (desk.born("node07", 7).await?, desk.born("node08", 8).await?);
    for machine in [&node07, &node08] {
        desk.hello(machine).await?;
        desk.inspected(machine).await?;
        desk.happens(machine, Event::Approved { erase_foreign: false }).await?;
        desk.installed(machine, 1).await?;
    }
    // Both machines show the same sample disk, which is node07's.
    let roll = "machine reprovision --profile worker --yes --erase-foreign";
    let failing = Waiting::on(&desk, roll, "node07 inspecting")?;
    ensure!(desk.store.machine(&node08).await?.state == "active", "both are away");
    desk.happens(&node07, Event::StepFailed { reason: "the disk is gone".into() }).await?;
    let failed = failing.end()?;
    ensure!(failed.code == 5 && failed.err.contains("node07 failed: the disk is gone"), "{failed:?}");
    ensure!(desk.store.machine(&node08).await?.state == "active", "it went on after a failure");

    let since = failed.err.split("--since ").nth(1).and_then(|rest| rest.split(['`', '\n']).next());
    let roll = format!("{roll} --since {}", since.context("it says how to go on")?);
    desk.happens(&node07, Event::Retry).await?;
    let going = Waiting::on(&desk, &roll, "node07 inspecting")?;
    for machine in [&node07, &node08] {
        let end = Instant::now() + Duration::from_secs(60);
        while desk.store.machine(machine).await?.state != "inspecting" {
            ensure!(Instant::now() < end, "it does not go on with {machine}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        desk.happens(machine, Event::Hello { home: Home::Ram, boot_id: "again".into(), generation: 0 })
            .await?;
        desk.happens(machine, Event::FactsReported).await?;
        desk.installed(machine, 2).await?;
    }
    let gone = going.end()?;
    ensure!(gone.code == 0 && gone.out == "2 of 2 done\n", "{gone:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_looks_and_the_log_has_who_did_what() -> Result<()> {
    let desk = Desk::open().await?;
    desk.born("node07", 7).await?;
    let file = desk.folder.path().join("anna.token");
    let added = run(&desk, &format!("user add anna --role viewer --days 7 -o {}", file.display()))?;
    ensure!(added.code == 0 && added.out.is_empty() && added.err.contains("anna is viewer"), "{added:?}");
    ensure!(std::fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "for its owner alone");
    let anna = |line: &str| run(&desk, &format!("--token-file {} {line}", file.display()));
    ensure!(anna("machine show node07")?.code == 0);
    let refused = anna("machine hold node07")?;
    ensure!(refused.code == 1 && refused.err.contains("this needs operator"), "{refused:?}");
    ensure!(anna("audit")?.code == 1);
    ensure!(run(&desk, "machine hold node07")?.code == 0);

    let log = run(&desk, "audit --of node07")?;
    let lines: Vec<&str> = log.out.lines().collect();
    ensure!(lines.len() == 3 && lines[0].starts_with("WHEN "), "{log:?}");
    ensure!(lines[1].contains("  operator  admin ") && lines[1].ends_with("  hold: false → true"), "{log:?}");
    ensure!(lines[2].contains("  anna ") && lines[2].contains("  127.0.0.1  403 "), "{log:?}");
    ensure!(run(&desk, "audit --user anna")?.out.lines().count() == 2);
    let users = run(&desk, "user list")?;
    ensure!(users.out.lines().nth(1).is_some_and(|line| line.starts_with("anna  ")), "{users:?}");
    ensure!(run(&desk, "user revoke anna")?.code == 0);
    ensure!(anna("machine list")?.code == 1 && run(&desk, "user revoke anna")?.code == 4);
    Ok(())
}

/// A `metalctl` that waits for a machine.
struct Waiting {
    child: Child,
    talk: BufReader<ChildStderr>,
}

impl Waiting {
    /// Started, and it has said on stderr where the machine is.
    fn on(desk: &Desk, line: &str, said: &str) -> Result<Waiting> {
        let mut command = command(desk, line)?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut talk = BufReader::new(child.stderr.take().context("its talk")?);
        let mut line = String::new();
        while !line.contains(said) {
            line.clear();
            ensure!(talk.read_line(&mut line)? > 0, "it ended without saying `{said}`");
        }
        Ok(Waiting { child, talk })
    }

    fn end(mut self) -> Result<Said> {
        let mut err = String::new();
        self.talk.read_to_string(&mut err)?;
        let Output { status, stdout, .. } = self.child.wait_with_output()?;
        let out = String::from_utf8_lossy(&stdout).into_owned();
        Ok(Said { code: status.code().unwrap_or(-1), out, err })
    }
}
