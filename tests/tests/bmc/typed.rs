//! What an operator types about a BMC's parts, drive, firmware and power, down to a BMC of the rack.

use std::fs;

use anyhow::{Result, ensure};
use api::bmc::hardware::Hardware;
use api::bmc::media::VirtualDrive;
use api::machine::Machine;
use lab::bmc::redfish::Vendor;
use tests::desk::Desk;
use tests::operator::run;

use crate::memory::{Bmc, PASSWORD};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_read_images_put_in_and_firmware_written() -> Result<()> {
    let (desk, bmc) = (Desk::open().await?, Bmc::of(Vendor::Supermicro));
    desk.born("node07", 7).await?;
    let without = run(&desk, "bmc hardware node07")?;
    ensure!(without.code == 1 && without.err.contains("needs a hand"), "{without:?}");
    is_set(&desk, &bmc)?;

    let hardware = run(&desk, "bmc hardware node07")?;
    ensure!(
        hardware.code == 0 && hardware.out.contains("SN-0007") && hardware.out.contains("87 W"),
        "{hardware:?}"
    );
    let read: Hardware = serde_json::from_str(&run(&desk, "bmc hardware node07 --json")?.out)?;
    ensure!(read.drives.len() == 2 && read.bmc.version == "1.0.0", "{read:?}");

    let image = "http://10.0.0.1/rescue.iso";
    let inserted = run(&desk, &format!("bmc media node07 insert {image}"))?;
    ensure!(inserted.code == 0 && inserted.out.contains(image), "{inserted:?}");
    let secret = run(&desk, "bmc media node07 insert http://me:dud@10.0.0.1/rescue.iso")?;
    ensure!(secret.code == 1 && !secret.err.contains("dud"), "{secret:?}");
    ensure!(run(&desk, "bmc media node07 eject")?.code == 0);
    let shown = run(&desk, "bmc media node07 show")?;
    ensure!(shown.out.lines().nth(1).is_some_and(|drive| drive.ends_with("nothing")), "{shown:?}");

    let image = "http://10.0.0.1/bmc-2.17.bin";
    let unasked = run(&desk, &format!("bmc update node07 {image}"))?;
    ensure!(unasked.code == 2 && unasked.err.contains("may restart itself"), "{unasked:?}");
    let written = run(&desk, &format!("bmc update node07 {image} --yes --wait"))?;
    ensure!(written.code == 0 && written.err.contains("66 %") && written.err.contains("done"), "{written:?}");
    ensure!(run(&desk, "bmc hardware node07")?.out.contains("2.17"));
    let show = run(&desk, "bmc show node07")?;
    ensure!(show.out.contains("update") && show.out.contains("bmc-2.17.bin done"), "{show:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_by_a_bmc_is_told_as_json() -> Result<()> {
    let (desk, bmc) = (Desk::open().await?, Bmc::of(Vendor::Supermicro));
    desk.born("node07", 7).await?;
    is_set(&desk, &bmc)?;
    for line in ["machine power status node07 --json", "machine identify on node07 --json"] {
        let one: Machine = serde_json::from_str(&run(&desk, line)?.out)?;
        ensure!(one.name() == "node07" && one.power.is_some(), "{line}: {one:?}");
    }
    for line in ["machine power status --all --json", "machine identify off --all --json"] {
        let several: Vec<Machine> = serde_json::from_str(&run(&desk, line)?.out)?;
        ensure!(several.len() == 1, "{line}: {several:?}");
    }
    let drives: Vec<VirtualDrive> = serde_json::from_str(&run(&desk, "bmc media node07 eject --json")?.out)?;
    ensure!(!drives.is_empty() && drives.iter().all(|drive| !drive.inserted), "{drives:?}");
    for (verb, switched) in [("reset", true), ("forget", false)] {
        let one: Machine = serde_json::from_str(&run(&desk, &format!("bmc {verb} node07 --json"))?.out)?;
        ensure!(one.power.is_some() == switched, "{verb}: {one:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_switched_on_is_named() -> Result<()> {
    let (desk, bmc) = (Desk::open().await?, Bmc::of(Vendor::Supermicro));
    desk.born("node07", 7).await?;
    desk.born("node08", 8).await?;
    is_set(&desk, &bmc)?;
    let on = run(&desk, "power on --all --yes --timeout 1s")?;
    ensure!(on.err.contains("Nothing here can switch node08: "), "{on:?}");
    Ok(())
}

fn is_set(desk: &Desk, bmc: &Bmc) -> Result<()> {
    let password = desk.folder.path().join("bmc.password");
    fs::write(&password, PASSWORD)?;
    let (address, port) = (bmc.address.ip(), bmc.address.port());
    let set = format!(
        "bmc set node07 --address {address} --port {port} --user admin --password-file {}",
        password.display()
    );
    let set = run(desk, &set)?;
    ensure!(set.code == 0, "{set:?}");
    Ok(())
}
