//! Many machines at once, as an operator types it: lists that are imported and exported, patterns, labels, events,
//! leases and Ansible's inventory.

use std::fs;

use anyhow::{Context, Result, ensure};
use api::lease::LeaseView;
use api::machine::{Machine, MachineEvent};
use serde_json::Value;
use tests::desk::Desk;
use tests::operator::{Said, run};

const LIST: &str = "hostname,mac,address,switch,port,rack,position,profile,labels,bmc,bmcdriver,bmcuser\n\
    node01,52:54:00:00:00:01,10.77.0.11,sw1,Eth1/1,A,1,worker,gpu;zone=a,,,\n\
    node02,52:54:00:00:00:02 52:54:00:00:01:02,,sw1,Eth1/2,A,2,worker,zone=b,,,\n\
    node03,52:54:00:00:00:03,,,,,,,,,,\n";

fn import(desk: &Desk, text: &str, flags: &str) -> Result<Said> {
    let file = desk.folder.path().join("rack.csv");
    fs::write(&file, text)?;
    run(desk, format!("machine import {} {flags}", file.display()).trim_end())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_imported_again() -> Result<()> {
    let desk = Desk::open().await?;
    let asked = import(&desk, LIST, "--dry-run")?;
    ensure!(asked.code == 0 && asked.out.starts_with("would be new: 3"), "{asked:?}");
    ensure!(run(&desk, "machine list")?.out.is_empty(), "a dry run made machines");
    ensure!(import(&desk, LIST, "")?.out == "new: 3, changed: 0, unchanged: 0\n");
    let exported = run(&desk, "machine export")?;
    ensure!(exported.out == LIST && exported.err.is_empty(), "{exported:?}");
    ensure!(import(&desk, LIST, "")?.out == "new: 0, changed: 0, unchanged: 3\n");

    let stranger = desk.store.machine_born(Default::default(), api::id::MachineId("z".into()), 1).await?;
    ensure!(!stranger.enrolled);
    let exported = run(&desk, "machine export")?;
    ensure!(exported.out == LIST && exported.err.contains("Left out: 1"), "{exported:?}");

    let other = Desk::open().await?;
    ensure!(import(&other, &exported.out, "")?.code == 0);
    ensure!(run(&other, "machine export")?.out == LIST, "another server has another list");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_wrong_list_nothing_is_imported() -> Result<()> {
    let desk = Desk::open().await?;
    let ragged = import(&desk, "hostname,mac\nnode01,52:54:00:00:00:01\nnode02\n", "")?;
    ensure!(ragged.code == 1 && ragged.out.is_empty(), "{ragged:?}");
    ensure!(ragged.err.contains("rack.csv: line 3: it has 1 fields, the header has 2"), "{ragged:?}");
    let twice = import(&desk, "hostname,mac\nnode01,52:54:00:00:00:01\nnode02,52:54:00:00:00:01\n", "")?;
    ensure!(
        twice.code == 1 && twice.err.contains("line 3: MAC 52:54:00:00:00:01 is on line 2, too"),
        "{twice:?}"
    );
    let unknown = import(&desk, "host,mac,asset\n", "")?;
    ensure!(unknown.code == 1 && unknown.err.contains("--map \"asset=COLUMN\""), "{unknown:?}");
    desk.born("node07", 7).await?;
    let clash = import(&desk, "host,mac\nnode01,52:54:00:00:00:01\nnode07,52:54:00:00:00:02\n", "")?;
    ensure!(
        clash.code == 1 && clash.err.contains("line 3: node07 is the name of another machine"),
        "{clash:?}"
    );
    let machines: Vec<Machine> = serde_json::from_str(&run(&desk, "machine list --json")?.out)?;
    ensure!(machines.len() == 1, "half of a list was imported");
    ensure!(run(&desk, "machine import /nowhere.csv")?.code == 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_machines_are_named_at_once() -> Result<()> {
    let desk = Desk::open().await?;
    import(&desk, LIST, "")?;
    let names = |line: &str| -> Result<Vec<String>> {
        let machines: Vec<Machine> =
            serde_json::from_str(&run(&desk, &format!("machine list {line} --json"))?.out)?;
        Ok(machines.iter().map(Machine::name).collect())
    };
    ensure!(names("node0[12]")? == ["node01", "node02"]);
    ensure!(names("-l zone")? == ["node01", "node02"] && names("-l zone!=a")? == ["node02", "node03"]);
    ensure!(names("-l zone=a -l gpu")? == ["node01"] && names("--state active")?.is_empty());

    let asked = run(&desk, "machine hold node0*")?;
    ensure!(asked.code == 2 && asked.err.contains("hold is asked of 3 machines"), "{asked:?}");
    ensure!(!desk.client()?.machine("node01").await?.machine.hold, "it was held without a yes");
    let held = run(&desk, "machine hold -l zone --yes")?;
    ensure!(held.code == 0 && held.out.lines().count() == 2, "{held:?}");
    ensure!(run(&desk, "machine release --all --yes")?.code == 0);
    let mixed = run(&desk, "machine retry --all --yes")?;
    ensure!(mixed.code == 1 && mixed.err.contains("3 of 3:"), "{mixed:?}");
    ensure!(run(&desk, "machine hold web*")?.code == 4);

    ensure!(run(&desk, "machine label node03 --set zone=c --set gpu")?.code == 0);
    ensure!(run(&desk, "machine label node01 --set gpu-")?.code == 0);
    ensure!(names("-l gpu")? == ["node03"]);
    ensure!(run(&desk, "machine show node03")?.out.contains("gpu;zone=c"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_several_is_asked_once_and_told_for_each() -> Result<()> {
    let desk = Desk::open().await?;
    import(&desk, LIST, "")?;
    let node07 = desk.born("node07", 7).await?;
    desk.hello(&node07).await?;
    desk.inspected(&node07).await?;

    let one: Machine =
        serde_json::from_str(&run(&desk, "machine assign node03 --profile spare --json")?.out)?;
    ensure!(one.profile.as_deref() == Some("spare"), "{one:?}");
    let assigned = run(&desk, "machine assign node0[123] --profile worker -l zone --yes --json")?;
    let several: Vec<Machine> = serde_json::from_str(&assigned.out)?;
    ensure!(several.len() == 2 && several.iter().all(|m| m.profile.as_deref() == Some("worker")));
    let listed: Vec<Machine> = serde_json::from_str(&run(&desk, "machine list --profile spare --json")?.out)?;
    ensure!(listed.iter().map(Machine::name).collect::<Vec<_>>() == ["node03"], "{listed:?}");

    let asked = run(&desk, "machine wipe node0[17] --all-disks")?;
    ensure!(asked.code == 2 && asked.err.contains("This erases:"), "{asked:?}");
    ensure!(asked.err.contains("node01: its disks are not known"), "what will not happen: {asked:?}");
    ensure!(asked.err.contains("wipe is asked of 1 machine "), "{asked:?}");
    let wiped = run(&desk, "machine wipe node0[17] --all-disks --yes")?;
    ensure!(wiped.code == 1 && wiped.out.starts_with("node07 wiping"), "{wiped:?}");
    ensure!(wiped.err.contains("error: node01: its disks are not known"), "{wiped:?}");

    let away = run(&desk, "machine reprovision node0[12] --yes")?;
    ensure!(away.code == 0 && away.out == "0 of 0 done\n", "{away:?}");
    ensure!(away.err.contains("node01 is left out") && away.err.contains("node02 is left out"), "{away:?}");
    ensure!(run(&desk, "machine reprovision --all --yes --powered-off")?.code == 2);
    let late = run(&desk, "machine inspect --state discovered --yes --wait --timeout 1s")?;
    ensure!(late.code == 1 && late.err.contains("3 of 3:"), "{late:?}");

    let asked = run(&desk, "machine delete node0[12]")?;
    ensure!(asked.code == 2 && asked.err.contains("delete is asked of 2 machines"), "{asked:?}");
    ensure!(asked.err.matches("Its row goes").count() == 2, "each is shown: {asked:?}");
    let gone = run(&desk, "machine delete node0[12] --yes")?;
    ensure!(gone.code == 0 && gone.err.contains("node02 is deleted"), "{gone:?}");
    let left: Vec<Machine> = serde_json::from_str(&run(&desk, "machine list --json")?.out)?;
    ensure!(left.iter().map(Machine::name).collect::<Vec<_>>() == ["node03", "node07"], "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_leases_are_listed() -> Result<()> {
    let desk = Desk::open().await?;
    import(&desk, LIST, "")?;
    run(&desk, "machine retry node01")?;
    let events: Vec<MachineEvent> = serde_json::from_str(&run(&desk, "event list --refused --json")?.out)?;
    ensure!(events.len() == 1 && events[0].name == "node01" && events[0].entry.event == "retry");
    let listed = run(&desk, "event list --machine node02")?;
    ensure!(listed.out.lines().nth(1).is_some_and(|line| line.contains("imported")), "{listed:?}");

    ensure!(run(&desk, "lease reserve 52:54:00:00:00:09 10.77.0.30")?.out.contains("is kept for"));
    let taken = run(&desk, "lease reserve 52:54:00:00:00:08 10.77.0.11")?;
    ensure!(taken.code == 1 && taken.err.contains("another card"), "{taken:?}");
    ensure!(run(&desk, "lease reserve 52:54:00:00:00:08 192.0.2.1")?.err.contains("in no network"));
    let leases: Vec<LeaseView> = serde_json::from_str(&run(&desk, "lease list --json")?.out)?;
    let kept: Vec<String> = leases.iter().map(|lease| lease.address.to_string()).collect();
    ensure!(kept == ["10.77.0.11", "10.77.0.30"], "{kept:?}");
    ensure!(leases[1].kept_by.as_deref() == Some("operator"), "{leases:?}");
    ensure!(run(&desk, "lease unreserve 52:54:00:00:00:09")?.code == 0);
    ensure!(run(&desk, "lease unreserve 52:54:00:00:00:09")?.code == 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ansible_sees_hosts_and_groups() -> Result<()> {
    let desk = Desk::open().await?;
    import(&desk, LIST, "")?;
    let inventory: Value = serde_json::from_str(&run(&desk, "machine list --ansible")?.out)?;
    let hosts = |group: &str| inventory[group]["hosts"].as_array().map_or(0, Vec::len);
    ensure!(
        hosts("all") == 3 && hosts("rack_a") == 2 && hosts("label_zone_a") == 1 && hosts("label_gpu") == 1
    );
    ensure!(hosts("state_discovered") == 3 && hosts("profile_worker") == 2, "{inventory}");
    let node01 = &inventory["_meta"]["hostvars"]["node01"];
    ensure!(node01["ansible_host"] == "10.77.0.11" && node01["metal_uplink"]["port"] == "Eth1/1", "{node01}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_has_a_page_a_verb() -> Result<()> {
    let desk = Desk::open().await?;
    let folder = desk.folder.path().join("man");
    ensure!(run(&desk, &format!("man {}", folder.display()))?.code == 0);
    let page = fs::read_to_string(folder.join("metalctl-machine-import.1")).context("its page")?;
    ensure!(page.contains("CSV") && fs::read_to_string(folder.join("metalctl.1"))?.contains("Exit codes"));
    ensure!(run(&desk, "completions zsh")?.out.contains("#compdef metalctl"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_brought_checked_and_deleted() -> Result<()> {
    let desk = Desk::open().await?;
    let folder = desk.folder.path().join("bring/extra");
    fs::create_dir_all(&folder)?;
    let manifest = fs::read_to_string(desk.folder.path().join("images/debian-12/manifest.toml"))?;
    fs::write(folder.join("manifest.toml"), manifest.replace("\"debian-12\"", "\"extra\""))?;
    fs::write(folder.join("root.ext4.zst"), "x")?;
    let import = format!("image import {}", folder.display());
    let broken = run(&desk, &import)?;
    ensure!(broken.code == 1 && broken.err.contains("root.ext4.zst has 1 bytes"), "{broken:?}");
    ensure!(!run(&desk, "image list")?.out.contains("extra"), "half an image was taken in");
    fs::write(folder.join("root.ext4.zst"), "")?;
    ensure!(run(&desk, &import)?.out == "extra 12 is there\n");
    ensure!(run(&desk, "image show extra")?.out.contains("root.ext4.zst"));
    let whole = run(&desk, "image verify")?;
    ensure!(whole.code == 0 && whole.out.lines().count() == 2, "{whole:?}");
    fs::write(desk.folder.path().join("images/extra/root.ext4.zst"), "rot")?;
    let rotten = run(&desk, "image verify extra")?;
    ensure!(rotten.code == 1 && rotten.out.contains("broken: 3 bytes, expected 0"), "{rotten:?}");

    let asked = run(&desk, "image delete extra")?;
    ensure!(asked.code == 2 && asked.err.contains("--yes"), "{asked:?}");
    let named = run(&desk, "image delete debian-12 --yes")?;
    ensure!(named.code == 1 && named.err.contains("is the image of profile"), "{named:?}");
    ensure!(run(&desk, "image delete extra --yes")?.code == 0);
    ensure!(run(&desk, "image show extra")?.code == 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_are_compared_and_the_site_file_is_checked() -> Result<()> {
    let desk = Desk::open().await?;
    let worker = run(&desk, "profile show worker")?;
    ensure!(worker.out.contains("layout.root") && worker.out.contains("4 GiB or more"), "{worker:?}");
    ensure!(run(&desk, "profile diff worker worker")?.code == 0);
    let differ = run(&desk, "profile diff worker spare")?;
    ensure!(differ.code == 8 && differ.out.contains("disk.kind"), "{differ:?}");
    ensure!(run(&desk, "profile show none")?.code == 4);

    let site = run(&desk, "site show")?.out;
    ensure!(site.starts_with("name = \"lab\""), "{site}");
    let file = desk.folder.path().join("new.toml");
    let apply = format!("site apply {}", file.display());
    fs::write(&file, site.replace("image = \"debian-12\"", "picture = \"debian-12\""))?;
    let unread = run(&desk, &apply)?;
    ensure!(unread.code == 1 && unread.err.contains("new.toml: line "), "{unread:?}");
    fs::write(&file, site.replace("layout = \"plain\"", "layout = \"fancy\""))?;
    let unfit = run(&desk, &apply)?;
    ensure!(unfit.code == 1 && unfit.err.contains("fancy"), "{unfit:?}");
    ensure!(run(&desk, "site show")?.out == site, "a site file with errors was applied");
    let (own, previous) =
        (desk.folder.path().join("site.toml"), desk.folder.path().join("site.toml.previous"));
    let read = fs::read_to_string(&own)?;
    fs::write(&file, site.replace("4G", "5G"))?;
    // Twice is once: what was there before it is kept.
    for _ in 0..2 {
        let applied = run(&desk, &apply)?;
        ensure!(applied.code == 0 && applied.out.contains("site.toml is written"), "{applied:?}");
        ensure!(!applied.err.contains("had been changed"), "{applied:?}");
        ensure!(fs::read_to_string(&own)?.contains("5G"));
        ensure!(fs::read_to_string(&previous)?.contains("4G"));
    }
    // Back to what the server still runs with; that it never read the other one is told.
    fs::write(&file, &read)?;
    let back = run(&desk, &apply)?;
    ensure!(back.code == 0 && back.err.contains("had been changed since the server read it"), "{back:?}");
    ensure!(fs::read_to_string(&own)? == read && fs::read_to_string(&previous)?.contains("5G"));
    // What is in the way of its new file keeps it from writing, as a folder does that is read-only to it.
    fs::create_dir(desk.folder.path().join("site.toml.new"))?;
    fs::write(&file, site.replace("4G", "6G"))?;
    let unwritten = run(&desk, &apply)?;
    ensure!(unwritten.code == 1 && unwritten.err.contains("as root, and restart it"), "{unwritten:?}");
    ensure!(fs::read_to_string(&own)? == read);
    Ok(())
}
