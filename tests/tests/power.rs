//! Power, for real: three machines that are off come up with nobody at the button, one through Redfish, one through IPMI
//! and one by Wake-on-LAN. A disk-first one is led back to RAM by its BMC. Then a BMC does what BMCs do wrong, and the
//! machine says so.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::bmc::Power;
use api::machine::HistoryEntry;
use api::power::{Health, MachinePower, Trouble};
use api::state::{Home, State};
use lab::bmc::fault::Fault;
use lab::bmc::port::Bmc;
use lab::bmc::redfish::Vendor;
use lab::bmc::{User, ipmi, redfish};
use lab::{BootOrder, Hardware, Rack};
use tests::hall::{Hall, LINE};
use tests::server::evidence;
use tests::terminal::Terminal;

const REDFISH: &str = "node01";
const IPMI: &str = "node02";
const WOKEN: &str = "node03";
const PASSWORD: &str = "a password of 20 cha";

const SITE: &str = r#"
[power]
poll = "10s"

[bmc.redfish]
driver = "redfish"
user = "metald"
password_file = "FILE"

[bmc.ipmi]
driver = "ipmi"
user = "metald"
password_file = "FILE"

[bmc.standby]
driver = "wake-on-lan"

[[machine]]
name = "node01"
macs = ["52:54:00:77:00:01"]
profile = "node"
bmc = "10.77.0.201"
bmc_set = "redfish"

[[machine]]
name = "node02"
macs = ["52:54:00:77:00:02"]
profile = "node"
bmc = "10.77.0.202"
bmc_set = "ipmi"

[[machine]]
name = "node03"
macs = ["52:54:00:77:00:03"]
profile = "node"
bmc_set = "standby"
"#;

/// The protocols end before the machine that they lead to.
struct Managed {
    _redfish: redfish::Handle,
    _ipmi: ipmi::Handle,
    redfish: Bmc,
    _other: Bmc,
}

fn managed(rack: &mut Rack) -> Result<Managed> {
    let first = |hardware: Hardware| Hardware { boot: BootOrder::DiskFirst, ..hardware };
    let user = || User { name: "metald".into(), password: PASSWORD.into() };
    let machine = rack.add(first(Hardware::uefi(REDFISH, 1)))?;
    let bmc = rack.manage(&machine, "10.77.0.201/24", user())?;
    let (board, faults) = (bmc.board.clone(), bmc.faults.clone());
    let served = redfish::serve(bmc.tcp(443)?, board, faults, vec![user()], Vendor::Supermicro)?;
    let machine = rack.add(first(Hardware::bios(IPMI, 2)))?;
    let other = rack.manage(&machine, "10.77.0.202/24", user())?;
    let (board, faults) = (other.board.clone(), other.faults.clone());
    let answered = ipmi::serve(other.udp(623)?, board, faults, vec![user()], ipmi::Settings::default())?;
    rack.add(Hardware::bios(WOKEN, 3))?;
    Ok(Managed { _redfish: served, _ipmi: answered, redfish: bmc, _other: other })
}

#[test]
fn machines_that_are_off_come_up_with_nobody_at_the_button() -> Result<()> {
    let folder = evidence(env!("CARGO_TARGET_TMPDIR"), "power")?;
    let mut rack = Rack::up("power", &folder, "10.77.0.1/24")?;
    let managed = managed(&mut rack)?;
    let _standby = rack.standby()?;
    let file = folder.join("bmc.password");
    std::fs::write(&file, PASSWORD)?;
    let hall = Hall::with(rack, "power", &folder, &SITE.replace("FILE", &file.display().to_string()))?;
    // Nobody says a word: that the site file announces them is enough. What the BMC of one does wrong meanwhile keeps none
    // of them.
    hall.reaches(REDFISH, "installing", |machine| machine.state == State::Installing)?;
    explains(&hall, &managed.redfish)?;
    for name in [REDFISH, IPMI, WOKEN] {
        hall.reaches(name, "active", |machine| machine.state == State::Active)?;
        ensure!(read(&hall, name)? != Power::Off, "{name} is on");
    }
    println!("{}", hall.metalctl(&["machine", "list"])?);
    has_a_console(&hall, IPMI)?;
    // One boots while the other goes down, and what a third's BMC says needs neither.
    let before = [hall.boot(IPMI)?, hall.boot(WOKEN)?];
    hall.metalctl(&["machine", "reprovision", IPMI, "--yes"])?;
    hall.metalctl(&["machine", "power", "shutdown", WOKEN, "--yes"])?;
    explains_a_lie(&hall, &managed.redfish)?;
    is_off(&hall, WOKEN)?;
    hall.metalctl(&["machine", "power", "on", WOKEN, "--yes"])?;
    let forgets = is_sent_back_by_a_bmc_that_forgets(&hall, &managed.redfish)?;
    // Its disk is before the network, and what is on it boots.
    hall.boots(IPMI, Home::Ram, before[0])?;
    hall.metalctl(&["machine", "power", "off", IPMI, "--yes"])?;
    is_off(&hall, IPMI)?;
    hall.boots(WOKEN, Home::Disk, before[1])?;
    hall.boots(REDFISH, Home::Ram, forgets)?;
    let told = |entry: &HistoryEntry| entry.note.contains("asked to boot once from Pxe, it says target None");
    ensure!(
        hall.detail(REDFISH)?.history.iter().any(told),
        "its history tells of the override that was lost"
    );
    println!("{}", hall.metalctl(&["machine", "show", REDFISH])?);
    Ok(())
}

fn read(hall: &Hall, name: &str) -> Result<Power> {
    Ok(hall.server.machine(name)?.power.map_or(Power::Unknown, |power| power.power))
}

/// Serial-over-LAN to the login of the installed system. One operator has it at a time, the next one takes it.
fn has_a_console(hall: &Hall, name: &str) -> Result<()> {
    let mut first = Terminal::of(hall.server.metalctl(&["machine", "console", name])?)?;
    let login = format!("{name} login:");
    first.wakes("\r", &login)?;
    let refused = hall.refused(&["machine", "console", name])?;
    ensure!(refused.contains("--take"), "{refused}");
    let mut second = Terminal::of(hall.server.metalctl(&["machine", "console", name, "--take"])?)?;
    second.wakes("\r", &login)?;
    // A break, and what a kernel does with the letter after it.
    second.wakes("\r~Bh", "sysrq: HELP")?;
    let (status, said) = first.ended()?;
    ensure!(!status.success() && said.contains("has ended"), "the first lost it: {said}");
    second.types("\r~.")?;
    let (status, said) = second.ended()?;
    ensure!(status.success(), "the second left it: {said}");
    hall.says(&format!("{name} has a console: its login, one operator after the other"));
    Ok(())
}

/// By its agent, which nothing else could do, or by its BMC: the machine itself is looked at.
fn is_off(hall: &Hall, name: &str) -> Result<()> {
    let machine = hall.rack.machine(name)?.clone();
    let end = Instant::now() + LINE;
    while machine.status()? == lab::Status::On {
        ensure!(Instant::now() < end, "{name} is still on");
        std::thread::sleep(Duration::from_millis(250));
    }
    hall.says(&format!("{name} is off"));
    Ok(())
}

/// Each fault, and how the machine tells of it.
fn explains(hall: &Hall, bmc: &Bmc) -> Result<()> {
    for (fault, health, words) in [
        (Fault::Slow(Duration::from_millis(4100)), Health::Slow, "takes"),
        (Fault::Hung, Health::Hung, "BMC"),
        (Fault::NoSessions, Health::NoSessions, "session"),
        (Fault::OtherCertificate, Health::CertificateChanged, "certificate"),
    ] {
        if fault == Fault::NoSessions {
            // Ends the one that the server has.
            hall.metalctl(&["bmc", "reset", REDFISH])?;
        }
        bmc.faults.set([fault]);
        let power = is(hall, |power| power.health == health)?;
        ensure!(power.sentence.contains(words), "{fault:?}: {power:?}");
        let why = hall.why(REDFISH)?;
        hall.says(&format!("{}; {}; {}: {}", power.sentence, power.todo, why.entry, why.cause));
        if fault == Fault::OtherCertificate {
            hall.metalctl(&["bmc", "accept-certificate", REDFISH])?;
            is(hall, |power| power.health == Health::Healthy)?;
            // The first one is back, and that takes a person's word again.
            bmc.faults.set([]);
            is(hall, |power| power.health == health)?;
            hall.metalctl(&["bmc", "accept-certificate", REDFISH])?;
        }
        bmc.faults.set([]);
        is(hall, |power| power.health == Health::Healthy)?;
    }
    Ok(())
}

/// It says that it switched the machine off, and the machine goes on talking.
fn explains_a_lie(hall: &Hall, bmc: &Bmc) -> Result<()> {
    bmc.faults.set([Fault::Lying]);
    hall.metalctl(&["machine", "power", "off", REDFISH, "--yes"])?;
    is(hall, |power| power.trouble == Trouble::Contradicted)?;
    let why = hall.why(REDFISH)?;
    hall.says(&format!("{}: {}", why.entry, why.cause));
    ensure!(why.entry == "bmc-contradicted", "{why:?}");
    hall.metalctl(&["machine", "power", "on", REDFISH, "--yes"])?;
    bmc.faults.set([]);
    is(hall, |power| power.trouble == Trouble::None && power.power == Power::On)?;
    Ok(())
}

/// Asked again and again, as by a person who looks.
fn is(hall: &Hall, so: impl Fn(&MachinePower) -> bool) -> Result<MachinePower> {
    let end = Instant::now() + LINE;
    loop {
        // A fault is an answer, too.
        let _ = hall.server.metalctl(&["machine", "power", "status", REDFISH])?.output()?;
        let power = hall.server.machine(REDFISH)?.power.context("what was read of its power")?;
        if so(&power) {
            hall.says(&format!(
                "{REDFISH}: {} by a BMC that is {}, {}",
                power.power, power.health, power.trouble
            ));
            return Ok(power);
        }
        ensure!(Instant::now() < end, "its BMC is otherwise: {power:?}");
    }
}

/// What it was told is gone when it is read back; another way leads to RAM all the same. The boot before that.
fn is_sent_back_by_a_bmc_that_forgets(hall: &Hall, bmc: &Bmc) -> Result<i64> {
    bmc.faults.set([Fault::Forgetful]);
    let before = hall.boot(REDFISH)?;
    hall.metalctl(&["machine", "reprovision", REDFISH, "--yes"])?;
    Ok(before)
}
