//! Magic packets on a wire of their own, and what is done by whom.

use std::sync::Mutex;

use super::*;

const MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

fn wake(agent: Option<Agent>, seen: Power) -> Wake {
    Wake { macs: vec![MAC], via: Via::Broadcast(Ipv4Addr::LOCALHOST), secure_on: None, agent, seen }
}

#[test]
fn a_magic_packet_byte_by_byte() {
    let packet = magic(MAC, None);
    assert_eq!(packet.len(), 102);
    assert_eq!(hex::encode(&packet), "ffffffffffff".to_string() + &"525400123456".repeat(16));
    let secured = magic(MAC, Some([1, 2, 3, 4, 5, 6]));
    assert_eq!((secured.len(), &secured[102..]), (108, &[1, 2, 3, 4, 5, 6][..]));
}

#[test]
fn who_does_what() {
    use PowerAction::{Cycle, Off, On, Shutdown};
    let agent = |task| Some(Way::Agent(task));
    for seen in [Power::On, Power::Unknown, Power::Off] {
        assert_eq!(way(On, seen, false), Some(Way::Packet));
        assert_eq!(way(On, seen, true), Some(Way::Nothing));
        assert_eq!(way(Cycle, seen, true), agent(ByAgent::Reboot));
        assert_eq!(way(Off, seen, true), agent(ByAgent::PowerOff));
        assert_eq!(way(Shutdown, seen, true), agent(ByAgent::PowerOff));
    }
    for action in [Cycle, Off, Shutdown] {
        assert_eq!(way(action, Power::On, false), None);
        assert_eq!(way(action, Power::Unknown, false), None, "unknown is not off");
    }
    assert_eq!(way(Off, Power::Off, false), Some(Way::Nothing));
    assert_eq!(way(Cycle, Power::Off, false), Some(Way::Packet));
}

#[tokio::test]
async fn the_agent_gets_its_task_and_without_one_a_hand_is_asked_for() {
    let tasks = Arc::new(Mutex::new(Vec::new()));
    let inside = tasks.clone();
    let agent: Agent = Arc::new(move |task| {
        inside.lock().unwrap().push(task);
        Box::pin(async { Ok(()) })
    });
    let alive = wake(Some(agent), Power::Unknown);
    assert_eq!(alive.power().await, Ok(Power::On));
    for action in [PowerAction::On, PowerAction::Cycle, PowerAction::Shutdown] {
        alive.act(action).await.unwrap();
    }
    assert_eq!(*tasks.lock().unwrap(), [ByAgent::Reboot, ByAgent::PowerOff]);
    let silent = wake(None, Power::Unknown);
    assert_eq!(silent.power().await, Ok(Power::Unknown));
    let fault = silent.act(PowerAction::Off).await.unwrap_err();
    assert!(
        matches!(&fault, Fault::Unsupported(text) if text.contains("needs a hand: press power")),
        "{fault}"
    );
    let nameless = Wake { macs: vec![], ..wake(None, Power::Off) };
    assert!(matches!(nameless.act(PowerAction::On).await, Err(Fault::Unsupported(_))));
    let lost = Wake { via: Via::Interface("no-such-card".into()), ..wake(None, Power::Off) };
    let fault = lost.act(PowerAction::On).await.unwrap_err();
    assert!(matches!(&fault, Fault::Unreachable(text) if text.contains("no-such-card")), "{fault}");
}

#[tokio::test]
async fn packets_arrive_for_every_card() {
    let hears = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = hears.local_addr().unwrap().port();
    let other = Mac([2, 0, 0, 0, 0, 1]);
    send(&[MAC, other], Some([9; 6]), &Via::Broadcast(Ipv4Addr::LOCALHOST), port).await.unwrap();
    let mut buffer = [0; 200];
    for round in 0..TIMES {
        for mac in [MAC, other] {
            let length = hears.recv(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..length], &magic(mac, Some([9; 6]))[..], "round {round}");
        }
    }
}
