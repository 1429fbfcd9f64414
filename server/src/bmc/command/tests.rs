//! Real commands: what they are given, what their end means, and that none outlives its time.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn shell(script: &str) -> Command {
    Command::new("node07", ["/bin/sh", "-c", script].map(String::from).into())
}

#[tokio::test]
async fn a_command_is_told_machine_and_action_and_little_else() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!(
        "echo \"$METAL_MACHINE $METAL_ACTION $METAL_FIRMWARE $METAL_ADDRESS $HOME\" >> {}; echo ON",
        log.display()
    );
    let mut command = shell(&script);
    command.environment.push(("METAL_ADDRESS", "pdu1/7".into()));
    assert_eq!(command.power().await, Ok(Power::On));
    command.act(PowerAction::Cycle).await.unwrap();
    command.boot_once(BootOnce::Network, FirmwareMode::Uefi).await.unwrap();
    command.boot_once(BootOnce::Disk, FirmwareMode::Bios).await.unwrap();
    command.clear_boot().await.unwrap();
    command.identify(false).await.unwrap();
    command.reset_bmc().await.unwrap();
    let told = std::fs::read_to_string(log).unwrap();
    let told: Vec<&str> = told.lines().map(str::trim_end).collect();
    let expected = [
        "node07 status  pdu1/7",
        "node07 cycle  pdu1/7",
        "node07 boot-network uefi pdu1/7",
        "node07 boot-disk bios pdu1/7",
        "node07 boot-clear  pdu1/7",
        "node07 identify-off  pdu1/7",
        "node07 reset-bmc  pdu1/7",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn exit_codes_are_faults_with_the_last_words() {
    let fault = async |script: &str| shell(script).act(PowerAction::On).await.unwrap_err();
    let failed = fault("echo progress; echo 'outlet 7 is locked' >&2; exit 1").await;
    assert_eq!(failed.to_string(), "not obeyed: /bin/sh: outlet 7 is locked (exit code 1)");
    assert_eq!(fault("exit 2").await, Fault::Unsupported("/bin/sh: it said nothing".into()));
    assert!(matches!(fault("exit 69").await, Fault::Unreachable(_)));
    assert!(matches!(fault("exit 75").await, Fault::Busy(_)));
    assert!(matches!(fault("exit 77").await, Fault::Refused(_)));
    assert!(matches!(fault("kill -9 $$").await, Fault::NotObeyed(text) if text.contains("signal")));
    let garbled = shell("echo perhaps").power().await.unwrap_err();
    assert!(matches!(&garbled, Fault::Garbled(text) if text.contains("perhaps")), "{garbled}");
    let missing = Command::new("node07", vec!["/no/such/command".into()]).power().await.unwrap_err();
    assert!(matches!(&missing, Fault::Unreachable(text) if text.contains("/no/such/command")), "{missing}");
    assert!(matches!(Command::new("n", vec![]).power().await, Err(Fault::Unsupported(_))));
}

#[tokio::test]
async fn a_password_comes_by_stdin_and_is_never_shown() {
    let mut command = shell("read -r p; test \"$p\" = 's3cret pass' && echo \"with $p\" >&2; exit 1");
    command.password = Some("s3cret pass".into());
    assert!(!format!("{:?}", command.password).contains("s3cret"));
    let fault = command.act(PowerAction::Off).await.unwrap_err().to_string();
    assert!(fault.contains("with (masked)") && !fault.contains("s3cret"), "{fault}");
    let masked = shell("echo PASSWORD=hunter2 >&2; exit 1").act(PowerAction::Off).await.unwrap_err();
    assert!(!masked.to_string().contains("hunter2"), "{masked}");
    command.argv[2] = "exit 0".into();
    assert_eq!(command.act(PowerAction::Off).await, Ok(()), "it need not read it");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0)
        .unwrap();
    // It ends when the last one is gone that has the pipe open.
    let script = format!("exec 9>{}; sleep 600 & wait", pipe.display());
    let ended = tokio::task::spawn_blocking(move || std::fs::read(pipe).unwrap());
    let command = Command { limit: Duration::from_millis(300), ..shell(&script) };
    assert!(matches!(command.act(PowerAction::On).await, Err(Fault::Hung(_))));
    assert!(ended.await.unwrap().is_empty());
}

#[tokio::test]
async fn what_it_says_without_end_is_not_kept() {
    let script = "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo the end >&2; exit 1";
    let fault = shell(script).act(PowerAction::On).await.unwrap_err();
    assert_eq!(fault.to_string(), "not obeyed: /bin/sh: the end (exit code 1)");
    let loud = shell("head -c 10000 /dev/zero | tr '\\0' 'x ' >&2; exit 1");
    assert!(loud.act(PowerAction::On).await.unwrap_err().to_string().len() < 400);
}

#[tokio::test]
async fn a_script_in_a_file_works_as_the_documents_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pdu");
    let page = include_str!("../../../../docs/power.md");
    let (_, rest) = page.split_once("```sh\n").expect("the example");
    let example = rest.split_once("```").unwrap().0;
    let script = example.replace("/var/lib/metald/pdu", &folder.path().display().to_string());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("node07", vec![path.display().to_string()]);
    command.environment.push(("METAL_ADDRESS", "7".into()));
    assert_eq!(command.power().await, Ok(Power::Off));
    command.act(PowerAction::On).await.unwrap();
    assert_eq!(command.power().await, Ok(Power::On));
    assert!(matches!(command.act(PowerAction::Shutdown).await, Err(Fault::Unsupported(_))));
    assert!(matches!(command.identify(true).await, Err(Fault::Unsupported(_))));
}
